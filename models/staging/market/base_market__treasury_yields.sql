{{ stage('market', 'treasury_yields') }}
