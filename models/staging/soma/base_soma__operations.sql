{{ stage('soma', 'operations') }}
