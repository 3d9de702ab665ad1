{{ stage('reference', 'firms') }}
