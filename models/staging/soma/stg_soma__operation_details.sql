{{ accepted('soma', 'operation_details') }}
