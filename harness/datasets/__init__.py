"""Datasets: what is catalogued, where its images lie, how they are fetched, checked, packed and degraded."""
