"""``python -m harness doctor``: looks at everything that a run needs, and says what to do where something is wrong."""
