"""Super-resolution networks: built by import path, tapped by module path, saved as safetensors."""
