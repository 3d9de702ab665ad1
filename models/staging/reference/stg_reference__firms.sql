{{ accepted('reference', 'firms') }}
