"""The means of one method as a small table for the terminal."""

from __future__ import annotations

import numpy as np
import pandas as pd

from harness.reporting.rows.cells import OK, STATUSES
from harness.reporting.rows.labels import degradation_label, metric_label
from harness.reporting.tables.formats import PlainTable


def means_table(rows: pd.DataFrame, title: str) -> PlainTable:
    """Return the mean over images of every metric: one line per data set and degradation, in the order of ``rows``.

    An image that failed has no part in a mean; ``failed`` counts how many there are.

    Args:
        rows: metrics rows of one method.
        title: what the caption calls it.
    """
    metrics = list(dict.fromkeys(rows["metric"]))
    body = []
    for (dataset, degradation), group in rows.groupby(["dataset", "degradation"], sort=False, observed=True):
        good = group[group["status"] == STATUSES[OK]]
        means = {name: float(good.loc[good["metric"] == name, "value"].mean()) for name in metrics}
        values = [metric_label(name).value(mean) if not np.isnan(mean) else "–" for name, mean in means.items()]
        failed = group.loc[group["status"] != STATUSES[OK], "image"].nunique()
        images = str(group["image"].nunique())
        body.append((str(dataset), degradation_label(str(degradation)), images, str(failed or ""), *values))
    header = ("data set", "degradation", "images", "failed", *(metric_label(name).axis for name in metrics))
    caption = f"{title}: means over images."
    return PlainTable("means", caption, header, tuple(body), frozenset(range(2, len(header))))
