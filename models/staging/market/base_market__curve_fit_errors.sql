{{ stage('market', 'curve_fit_error') }}
