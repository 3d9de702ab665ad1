{{ accepted('soma', 'operations') }}
