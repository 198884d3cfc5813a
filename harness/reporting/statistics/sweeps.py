"""Quality against the strength of one degradation, and where a method begins to pay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from harness.degradations.sweeps import SWEEPS
from harness.reporting.rows.compared import Primary, Study
from harness.reporting.rows.labels import metric_label
from harness.reporting.statistics.summary import summarize

KEPT = [
    *("network", "method", "state", "seeds", "images", "mean", "seed_std"),
    *("difference", "low", "high"),
]


def sweep_summary(frame: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return a row for every sweep, strength, network and method, by the first metric, on all data sets together.

    Args:
        frame: the aggregated rows.
        study: the comparison.

    Returns:
        The columns ``sweep``, ``strength`` and :data:`KEPT`; ``low`` and ``high`` are the ends of the 95% interval of
        the paired difference to the baseline over seeds and images, each strength by itself. Empty without sweeps.
    """
    metric = study.metrics[0]
    sets = tuple(item for item in study.swept if metric in item.metrics)
    if not sets:
        return pd.DataFrame(columns=["sweep", "strength", *KEPT])
    whole = summarize(frame[frame["metric"] == metric], replace(study, sets=sets, primary=Primary()))
    whole = whole[(whole["metric"] == metric) & (whole["scope"] == whole["scope"].iloc[-1])]
    parts = []
    for name, sweep in SWEEPS.items():
        for step in sweep.steps:
            own = whole[whole["column"] == step.name]
            parts.append(own[KEPT].assign(sweep=name, strength=step.shown))
    return pd.concat(parts, ignore_index=True)[["sweep", "strength", *KEPT]]


def begins(rows: pd.DataFrame, study: Study) -> Iterator[tuple[str, str, str, str]]:
    """Yield (sweep, network, method, sentence): from which strength the interval excludes zero on the good side.

    Args:
        rows: of :func:`sweep_summary`.
        study: the comparison.
    """
    higher = metric_label(study.metrics[0]).higher_is_better
    for key, own in rows.groupby(["sweep", "network", "method"], sort=False, observed=True):
        sweep, network, method = (str(part) for part in key)
        if method == study.baseline or method in study.seedless:
            continue
        low, high = (own["low"], own["high"]) if higher else (-own["high"], -own["low"])
        good, bad = list(own["strength"][low > 0]), list(own["strength"][high < 0])
        judged = int((low.notna() & high.notna()).sum())
        yield sweep, network, method, _sentence(good, bad, judged, ordered=SWEEPS[sweep].ordered)


def _sentence(good: list[str], bad: list[str], judged: int, *, ordered: bool) -> str:
    if not judged:
        return "no interval: nothing to compare, or too few seeds and images"
    if not good:
        text = f"pays at none of {judged}"
    elif ordered:
        text = f"begins to pay at {good[0]}, pays at {len(good)} of {judged}"
    else:
        text = f"pays with {', '.join(good)}"
    return f"{text}; costs at {', '.join(bad)}" if bad else text
