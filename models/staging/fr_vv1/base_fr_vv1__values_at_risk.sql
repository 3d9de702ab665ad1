{{ stage('fr_vv1', 'value_at_risk') }}
