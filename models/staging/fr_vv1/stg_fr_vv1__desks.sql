{{ accepted('fr_vv1', 'desks') }}
