{{ accepted('fr_vv1', 'transactions') }}
