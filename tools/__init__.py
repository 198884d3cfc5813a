"""What maintainers run: installing, locking, the demo. No part of the package."""
