{{ accepted('fr_vv1', 'limits') }}
