{{ accepted('fr_vv1', 'positions') }}
