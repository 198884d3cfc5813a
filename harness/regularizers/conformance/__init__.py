"""What every regularizer must keep, its own or foreign, checked on small networks in seconds."""
