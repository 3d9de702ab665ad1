{{ accepted('reference', 'dealers') }}
