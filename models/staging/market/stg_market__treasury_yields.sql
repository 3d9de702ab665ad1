{{ accepted('market', 'treasury_yields') }}
