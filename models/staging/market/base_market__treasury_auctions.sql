{{ stage('market', 'treasury_securities') }}
