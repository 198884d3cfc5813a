"""Analyses of what a network has learned: rows per checkpoint, for every network that has taps.

A stage between evaluation and reporting. What each analysis computes is said in its module; none changes a network.
"""
