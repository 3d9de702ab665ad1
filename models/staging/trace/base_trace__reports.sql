{{ stage('trace', 'reports') }}
