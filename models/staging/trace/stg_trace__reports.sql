{{ accepted('trace', 'reports') }}
