"""Ideas outside the harness."""
