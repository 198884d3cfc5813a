"""What was measured and of what: rows of metrics, records of runs, names for both."""
