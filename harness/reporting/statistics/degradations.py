"""What each method gains on each of many degradations: the numbers behind a figure of all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from harness.reporting.rows.compared import Study
from harness.reporting.rows.metric_rows import Block
from harness.reporting.statistics import paired
from harness.reporting.statistics.groups import draws

COLUMNS = ["network", "method", "rank", "degradation", "mean", "difference", "low", "high"]


def complete_methods(block: Block, dataset: str, names: Sequence[str]) -> list[int]:
    """Return which methods have a finite value on every image of a data set in all of some degradations."""
    images = {block.images[dataset, name] for name in names}
    if len(images) != 1 or not min(images):
        return []  # nothing is measured in one of them yet
    values = [np.isfinite(block.values[dataset, name]).all((1, 2)) for name in names]
    return [int(m) for m in np.flatnonzero(np.all(values, axis=0))]


def degradation_gains(block: Block, study: Study, dataset: str) -> pd.DataFrame:
    """Return a row for each method but the baseline and each degradation, by the difference to the baseline.

    Args:
        block: one metric on one network.
        study: of these degradations alone.
        dataset: which comes in them.

    Returns:
        The columns :data:`COLUMNS`: ``rank`` counts a method's degradations from 1, the worst for it; ``low`` and
        ``high`` are the ends of the 95% interval of the paired difference over seeds and images, each degradation by
        itself, NaN with one trained seed. Methods without all values, and all of them without the baseline's, are
        left out.
    """
    names = study.degradations
    complete = complete_methods(block, dataset, names)
    methods = [block.methods[m] for m in complete]
    if study.baseline not in methods or len(methods) < 2:
        return pd.DataFrame(columns=COLUMNS)
    values = np.stack([block.values[dataset, name][complete] for name in names], axis=1)  # (M, D, S, I)
    base = methods.index(study.baseline)
    m, d, s, n = values.shape
    differences = (values - values[base]).reshape(m * d, s, n)
    strata = np.zeros(n, np.int64)
    interval = paired.intervals(differences, strata, *draws(study.name, strata.tobytes(), s))
    parts = []
    for place, method in enumerate(methods):
        if method == study.baseline:
            continue
        own = slice(place * d, (place + 1) * d)
        order = np.argsort(interval.estimate[own], kind="stable")
        columns = {
            "network": block.network,
            "method": method,
            "rank": np.arange(1, d + 1),
            "degradation": np.array(names)[order],
            "mean": values[place].mean((1, 2))[order],
            "difference": interval.estimate[own][order],
            "low": interval.low[own][order] if s > 1 else np.nan,
            "high": interval.high[own][order] if s > 1 else np.nan,
        }
        parts.append(pd.DataFrame(columns)[COLUMNS])
    return pd.concat(parts, ignore_index=True)
