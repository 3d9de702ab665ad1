{{ accepted('fr_vv1', 'pnl') }}
