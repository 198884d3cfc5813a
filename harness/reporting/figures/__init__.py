"""The figures of an experiment, one file per kind; each function takes numbers and returns a drawn figure."""
