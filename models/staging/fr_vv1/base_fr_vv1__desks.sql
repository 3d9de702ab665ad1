{{ stage('fr_vv1', 'desks') }}
