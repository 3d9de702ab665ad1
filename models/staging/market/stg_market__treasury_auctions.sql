{{ accepted('market', 'treasury_securities') }}
