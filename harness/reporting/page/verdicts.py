"""What the primary comparisons of an experiment say, one sentence each."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from harness.reporting.rows.compared import AVERAGE, REAL, Study
from harness.reporting.rows.labels import MetricLabel, degradation_label, metric_label
from harness.reporting.statistics.claims import PRIMARY
from harness.reporting.statistics.rule import BETTER, EQUIVALENT, UNDECIDED, WORSE
from harness.reporting.statistics.summary import COMPARED


def verdicts(summary: pd.DataFrame, study: Study) -> list[str]:
    """Return a sentence per network and primary method: better, worse, equivalent or undecided, and what was in reach.

    A primary comparison that has no values yet, or that failed, is named as well.
    """
    rows = _primary_rows(summary, study)
    label = metric_label(study.primary_metric)
    sequence = [] if study.stage is None else [sentence(study.stage.looked(undecided(summary, study)).outlook())]
    return [*_sentences(rows, study, label), *sequence]


def undecided(summary: pd.DataFrame, study: Study) -> tuple[str, ...]:
    """Return the primary comparisons that are neither better, worse nor equivalent, as "method on network"."""
    rows = _primary_rows(summary, study)
    known = {(row["method"], row["network"]): row["verdict"] for row in rows.to_dict("records")}
    planned = [(run.variant, run.network) for run in study.runs if run.variant in study.primary_methods]
    open_ = [pair for pair in dict.fromkeys(planned) if known.get(pair, "") not in (BETTER, WORSE, EQUIVALENT)]
    return tuple(f"{method} on {network}" for method, network in open_)


def sentence(text: str) -> str:
    """Return text as a sentence."""
    return f"{text[:1].upper()}{text[1:]}."


def _primary_rows(summary: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return the rows of the primary column: the widest scope of the primary metric, and what the study says."""
    rows = summary[summary["metric"] == study.primary_metric]
    if (known := rows[rows["role"] == PRIMARY]).empty:
        degraded = rows[rows["scope"] != REAL]
        known = (degraded if len(degraded) else rows).tail(1)
        names = set(rows.loc[rows["scope"] == known["scope"].iloc[0], "column"]) if len(known) else set()
        if study.primary.column in names:
            known = known.assign(column=study.primary.column)
    if known.empty:
        return rows
    return rows[(rows["scope"] == known["scope"].iloc[0]) & (rows["column"] == known["column"].iloc[0])]


def _sentences(rows: pd.DataFrame, study: Study, label: MetricLabel) -> Iterator[str]:
    for row in rows.to_dict("records"):
        if row["method"] not in study.primary_methods:
            continue
        name = f"{row['method']} on {row['network']}"
        if not np.isfinite(row["difference"]):
            what = "infinite, identical to the ground truth" if np.isinf(row["mean"]) else row["state"]
            what = "no value of the baseline" if what in COMPARED else what
            yield f"{name}: {what}, nothing to compare."
            continue
        yield f"{name}: {_claim(row, study, label)} {_reach(row, label)}"


def _claim(row: dict[Hashable, Any], study: Study, label: MetricLabel) -> str:
    unit = f" {label.unit}" if label.unit else ""
    margin = study.margin(study.primary_metric)
    word = str(row["verdict"])
    if word == EQUIVALENT and margin is not None:
        text = f"equivalent to {study.baseline} within {margin:g}{unit}"
    elif word == UNDECIDED:
        text = f"undecided against {study.baseline}"
    else:
        text = f"{word} than {study.baseline}"
    where = "on average" if row["column"] == AVERAGE else f"on {degradation_label(str(row['column']))}"
    if row["scope"] == REAL:
        where = f"on {row['column']}"
    interval = ""
    if np.isfinite(row["low"]):
        interval = f" (95% interval {label.difference(row['low'])} to {label.difference(row['high'])})"
    return f"{text} {where}, {label.difference(row['difference'])}{unit}{interval}."


def _reach(row: dict[Hashable, Any], label: MetricLabel) -> str:
    if row["difference"] == row["low"] == row["high"] == 0:
        return "It is identical to it on every image and seed: the method did nothing."
    if row["seeds"] == 1:
        return "No training was repeated, so nothing is known about other seeds, and nothing can be claimed."
    if not np.isfinite(row["detectable"]):
        return "These seeds and images cannot tell what others would give: nothing can be claimed."
    unit = f" {label.unit}" if label.unit else ""
    return (
        f"With these seeds and images a true difference of {label.value(row['detectable'])}{unit} would have been "
        "found with a probability of about 80%."
    )
