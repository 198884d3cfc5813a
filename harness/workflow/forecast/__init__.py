"""``python -m harness plan``: what an experiment will do, before anything starts. Rates are measured or not given."""
