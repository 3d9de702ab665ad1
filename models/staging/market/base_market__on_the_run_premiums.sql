{{ stage('market', 'on_the_run_premium') }}
