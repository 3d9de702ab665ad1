{{ stage('market', 'move') }}
