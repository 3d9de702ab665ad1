{{ stage('fr_vv1', 'transactions') }}
