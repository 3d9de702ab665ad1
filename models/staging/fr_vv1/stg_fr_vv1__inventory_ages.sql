{{ accepted('fr_vv1', 'inventory_aging') }}
