"""The means of one method as a small table for the terminal."""

from __future__ import annotations

import numpy as np
import pandas as pd

from harness.reporting.rows.cells import OK, STATUSES
from harness.reporting.rows.labels import degradation_label, metric_label
from harness.reporting.tables.formats import PlainTable

_NAMED = 5  # images that the caption names before it only counts


def means_table(rows: pd.DataFrame, title: str) -> PlainTable:
    """Return the mean over images of every metric: one line per data set and degradation, in the order of ``rows``.

    Below them stands their average, where every line has a finite value. An image that failed has no part in a mean;
    ``failed`` counts how many there are, where there are any.

    Args:
        rows: metrics rows of one method.
        title: what the caption calls it.
    """
    metrics = list(dict.fromkeys(rows["metric"]))
    body: list[tuple[str, ...]] = []
    columns: list[dict[str, float]] = []
    left_out: dict[str, None] = {}
    for (dataset, degradation), group in rows.groupby(["dataset", "degradation"], sort=False, observed=True):
        good = group[group["status"] == STATUSES[OK]]
        means = {name: _mean(good.loc[good["metric"] == name]) for name in metrics}
        infinite = good[np.isinf(good["value"])]
        left_out |= dict.fromkeys(f"{dataset}/{image}" for image in infinite["image"])
        columns.append(means)
        values = [_shown(name, mean) for name, mean in means.items()]
        failed = group.loc[group["status"] != STATUSES[OK], "image"].nunique()
        images = str(group["image"].nunique())
        body.append((str(dataset), degradation_label(str(degradation)), images, str(failed or ""), *values))
    if len(columns) > 1 and all(np.isfinite(mean) for means in columns for mean in means.values()):
        averages = [_shown(name, float(np.mean([means[name] for means in columns]))) for name in metrics]
        body.append(("average", "of the lines above", "", "", *averages))
    header = ["data set", "degradation", "images", "failed", *(metric_label(name).axis for name in metrics)]
    if not any(row[3] for row in body):
        header, body = [*header[:3], *header[4:]], [(*row[:3], *row[4:]) for row in body]
    caption = f"{title}: means over images."
    if left_out:
        named = ", ".join(list(left_out)[:_NAMED]) + (f" and {len(left_out) - _NAMED} more" * (len(left_out) > _NAMED))
        caption += f" Left out of a mean where the result is identical to the ground truth (infinite): {named}."
    return PlainTable("means", caption, tuple(header), tuple(body), frozenset(range(2, len(header))))


def _shown(name: str, mean: float) -> str:
    return "–" if np.isnan(mean) else metric_label(name).value(mean)


def _mean(rows: pd.DataFrame) -> float:
    """Return the mean of the finite values; infinite if all are, NaN if there are none."""
    values = rows["value"].to_numpy(np.float64)
    finite = values[np.isfinite(values)]
    if len(finite):
        return float(finite.mean())
    return float(values[0]) if len(values) else float("nan")
