{{ stage('fr_vv1', 'limits') }}
