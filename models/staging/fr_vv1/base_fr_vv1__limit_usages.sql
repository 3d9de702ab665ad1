{{ stage('fr_vv1', 'limit_usage') }}
