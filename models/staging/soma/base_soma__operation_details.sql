{{ stage('soma', 'operation_details') }}
