"""Training: one run, from its spec to weights, with a memory that survives being killed anywhere."""
