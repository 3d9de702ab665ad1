{{ accepted('market', 'curve_fit_error') }}
