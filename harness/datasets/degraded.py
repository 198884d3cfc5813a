"""Data sets that come in degraded versions, as their manifests tell them."""

from __future__ import annotations

from harness.datasets.catalogue import DatasetEntry
from harness.datasets.manifests import read_manifest


def native_scale(entry: DatasetEntry) -> int | None:
    """Return the factor between the ground truths and the degraded images of a set; None for any other data set.

    Raises:
        HarnessError: its manifest cannot be read.
    """
    if not entry.versions or entry.manifest_path is None:
        return None
    rows = read_manifest(entry.manifest_path).rows
    before, after = entry.pattern.split("{name}")
    low = entry.low_pattern(entry.versions[0])
    for key, row in rows.items():
        if "*" not in entry.pattern + low and key.startswith(before) and key.endswith(after):
            small = rows.get(low.replace("{name}", key[len(before) : len(key) - len(after)]))
            if small is not None:
                return row.width // small.width
    return None
