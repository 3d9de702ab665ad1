{{ stage('fr_y9c', 'bulk') }}
