{{ accepted('fr_y9c', 'bulk') }}
