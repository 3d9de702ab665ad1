{{ stage('fr_vv1', 'pnl') }}
