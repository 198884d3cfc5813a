"""Networks that draw random numbers at test time: single passes beside means, and how far seeds lie apart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.evaluation.passes import Shown
from harness.reporting.rows.compared import REAL, Study
from harness.reporting.rows.labels import MetricLabel, metric_label
from harness.reporting.rows.metric_rows import Block, blocks
from harness.reporting.statistics.samples import columns
from harness.reporting.statistics.summary import seed_means
from harness.reporting.tables.formats import PlainTable

Floats = npt.NDArray[np.float64]

_MORE_DIGITS = 2  # of a standard deviation, than its metric has


def passes_table(frame: pd.DataFrame, study: Study) -> PlainTable:
    """Return a row for each metric, network, method and way to run it, over the widest column of degraded sets.

    Args:
        frame: the aggregated rows, with what each seed of the random numbers gave.
        study: the comparison.
    """
    own = study.draws
    found = {(block.metric, block.network): block for block in blocks(frame, own)}
    rows: list[tuple[str, ...]] = []
    for metric in study.metrics:
        for way in study.ways:
            drawn = [found[metric, name] for name in way.drawn]
            rows += _rows(metric_label(metric), way, drawn, own)
    caption = (
        "Networks that draw random numbers at test time, run in each way with several seeds of these numbers (test "
        "seeds). A mean of passes is that of the outputs, before they are rounded to 8 bit. Value: mean over test "
        "seeds, training seeds and images of the widest average. Std over test seeds: of that value for one training, "
        "root mean square over trainings; it tells how far two evaluations of the same weights lie apart."
    )
    header = ("metric", "network", "method", "passes", "test seeds", "value", "std over test seeds")
    return PlainTable("test_time", caption, header, tuple(rows), frozenset(range(3, 7)))


def _rows(label: MetricLabel, way: Shown, drawn: list[Block], study: Study) -> list[tuple[str, ...]]:
    """Return the lines of a network that is run in one way; ``drawn`` has a block for each test seed."""
    means = [_widest(block, study) for block in drawn]
    if any(one is None for one in means):
        return []
    values = np.stack([one for one in means if one is not None])  # (test seeds, methods, training seeds)
    rows: list[tuple[str, ...]] = []
    for place, method in enumerate(drawn[0].methods):
        if method in study.seedless and not _draws(method, way, study):
            continue
        own = values[:, place]
        own = own[:, np.isfinite(own).all(0)]
        value = label.value(float(own.mean())) if own.size else "missing"
        spread = np.sqrt(own.var(0, ddof=1).mean()) if own.size and len(own) > 1 else np.nan
        text = f"{spread:.{label.decimals + _MORE_DIGITS}f}" if np.isfinite(spread) else ""
        rows.append((label.axis, way.network, method, str(way.count), str(len(way.seeds)), value, text))
    return rows


def _draws(method: str, way: Shown, study: Study) -> bool:
    """Whether a method without a training seed is the network itself: untrained, or with weights from outside."""
    model = study.external(method)
    owner = study.control(method, next(iter(way.drawn))).network if model is None else model.network
    return owner == way.network


def _widest(block: Block, study: Study) -> Floats | None:
    """Return the means (methods, training seeds) of the widest column of degraded sets, None without any."""
    degraded = [column for column in columns(block, study) if column.scope != REAL]
    return seed_means(degraded[-1].values, degraded[-1].strata) if degraded else None
