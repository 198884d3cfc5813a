"""Speed of this harness against BasicSR's own components, measured side by side in one process."""
