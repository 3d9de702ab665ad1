{{ accepted('market', 'move') }}
