"""Speed of this harness against BasicSR's own components, measured by turns in one run."""
