{{ stage('fr_vv1', 'positions') }}
