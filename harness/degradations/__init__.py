"""Degradations: how a photograph becomes a low-resolution input.

``spec`` holds the numbers of the online training degradation and imports no torch; ``second_order`` applies it to
batches; ``fixed`` makes the degraded benchmarks.
"""
