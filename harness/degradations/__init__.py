"""Degradations: how a photograph becomes a low-resolution input.

``spec`` holds the numbers of the training degradations and imports no torch; ``online`` applies them to batches;
``fixed`` makes the degraded benchmarks.
"""
