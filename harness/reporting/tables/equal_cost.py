"""The comparison at equal cost: each method beside the baseline that was trained for about as long as it was.

At equal iterations every method has seen as many low-resolution images, because the batch counts those; what remains is
that a step of one method takes longer than a step of another. An experiment that also names longer baselines
(``baseline_x125``, ...) can say what the same time would have given without the method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from harness.reporting.rows.compared import AVERAGE, Study
from harness.reporting.rows.labels import MetricLabel, metric_label
from harness.reporting.rows.metric_rows import Block
from harness.reporting.rows.run_records import Records
from harness.reporting.statistics.costs import costs
from harness.reporting.statistics.paired import LEVEL
from harness.reporting.statistics.summary import summarize_blocks
from harness.reporting.tables.cost import slower_by_implementation
from harness.reporting.tables.formats import PlainTable


@dataclass(frozen=True)
class Match:
    """A method and the baseline nearest to it in training time; times are relative to the study's baseline.

    Attributes:
        network, method: what is compared.
        time: of the method's training; NaN without a finished run.
        partner: the study's baseline, or a variant that differs from it in the number of iterations alone.
        partner_time: of its training.
    """

    network: str
    method: str
    time: float
    partner: str
    partner_time: float


def matches(study: Study, records: Records) -> list[Match]:
    """Pair every trained method with a baseline, by the ratio of their mean times over finished runs.

    A method without a finished run is paired with the study's baseline.
    """
    found = []
    for network in study.networks:
        trained = [name for name in study.methods_of(network) if name not in study.seedless]
        times = {name: _mean_seconds(records, network, name) for name in trained}
        base = times.get(study.baseline, float("nan"))
        family = [name for name in trained if _is_baseline(study, records, network, name) and np.isfinite(times[name])]
        for method in trained:
            if method == study.baseline or method in family:
                continue
            time = times[method] / base
            near = min(family, key=lambda name: abs(np.log(times[name] / times[method]))) if np.isfinite(time) else None
            partner = near or study.baseline
            found.append(Match(network, method, time, partner, times[partner] / base))
    return found


def _mean_seconds(records: Records, network: str, method: str) -> float:
    values = [float(doc["seconds"]) for key, doc in records.documents.items() if key[:2] == (network, method)]
    return float(np.mean(values)) if values else float("nan")


def _is_baseline(study: Study, records: Records, network: str, method: str) -> bool:
    """Return whether a method's training is the baseline's but for the number of iterations."""
    specs = [
        (document["spec"], records.documents[network, method, seed]["spec"])
        for (name, variant, seed), document in records.documents.items()
        if (name, variant) == (network, study.baseline) and (network, method, seed) in records.documents
    ]
    return bool(specs) and all(_timeless(one) == _timeless(other) for one, other in specs)


def _timeless(spec: dict[str, Any]) -> dict[str, Any]:
    return {**spec, "training": {**spec["training"], "iterations": None}}


def equal_cost_table(laid_out: Sequence[Block], summary: pd.DataFrame, study: Study, records: Records) -> PlainTable:
    """Return the first metric's differences at equal iterations and at equal cost, a row per network and method.

    Both are those of the widest average, with 95% intervals and significance as in the main table.
    """
    metric = study.metrics[0]
    label = metric_label(metric)
    summaries = {study.baseline: summary[summary["metric"] == metric]}
    rows = []
    for match in matches(study, records):
        if match.partner not in summaries:
            other = replace(study, baseline=match.partner)
            summaries[match.partner] = summarize_blocks([b for b in laid_out if b.metric == metric], other)
        iterations, cost = (_cell(summaries[name], match, label) for name in (study.baseline, match.partner))
        times = [f"{time:.2f}" if np.isfinite(time) else "not trained yet" for time in (match.time, match.partner_time)]
        rows.append((match.network, match.method, times[0], iterations, match.partner, times[1], cost))
    unit = f", {label.unit}" if label.unit else ""
    header = ("network", "method", "time", f"at equal iterations{unit}", "equal-cost baseline", "its time")
    caption = (
        f"{label.title}: difference to {study.baseline} at equal iterations and, at equal cost, to the baseline of "
        f"nearest training time, with {LEVEL:.0%} intervals; *: significant by the rule of the main table. Times are "
        f"relative to {study.baseline}'s, as measured on the machines named beside the cost of training. Baselines of "
        "other lengths (baseline_x125, ...) take part if the experiment names them."
    )
    caption += "".join(f" {sentence}" for sentence in slower_by_implementation(costs(study, records), study))
    return PlainTable("equal_cost", caption, (*header, f"at equal cost{unit}"), tuple(rows), frozenset({2, 3, 5, 6}))


def _cell(summary: pd.DataFrame, match: Match, label: MetricLabel) -> str:
    """Return a difference with its interval as text, or what became of it."""
    rows = summary[(summary["network"] == match.network) & (summary["method"] == match.method)]
    if rows.empty:
        return "missing"
    widest = AVERAGE if (rows["scope"] == AVERAGE).any() else rows["scope"].iloc[0]
    row = rows[rows["scope"] == widest].iloc[-1]
    if np.isinf(row["mean"]):
        return label.value(row["mean"])
    if not np.isfinite(row["difference"]):
        return str(row["state"]) if row["state"] in ("failed", "missing") else "no value of the baseline"
    text = label.difference(row["difference"])
    if np.isfinite(row["low"]):
        text += f" [{label.difference(row['low'])}, {label.difference(row['high'])}]"
    return text + ("*" if row["significant"] else "")
