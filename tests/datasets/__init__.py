"""Tests of harness.datasets."""
