"""Tests of bundles of results."""
