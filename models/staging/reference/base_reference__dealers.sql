{{ stage('reference', 'dealers') }}
