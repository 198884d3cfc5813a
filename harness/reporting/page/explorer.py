"""What the interactive part of the report shows: numbers of the tables and of single images, as JSON in the page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from markupsafe import Markup

from harness.reporting.figures.style import MethodStyle
from harness.reporting.rows.compared import AVERAGE, REAL, Study
from harness.reporting.rows.labels import degradation_label, method_label, metric_label
from harness.reporting.rows.metric_rows import Block
from harness.reporting.statistics.samples import columns
from harness.reporting.statistics.summary import seed_means

MOST_VALUES = 150_000
"""Values of single images in a page; beyond that those of further metrics, then of further data sets, are left out."""

_CELL = ["metric", "network", "scope", "column", "method", "state", "mean", "difference", "low", "high"]
_CELL += ["significant", "verdict", "seeds", "seeds_total"]


def payload(
    laid_out: Sequence[Block], summary: pd.DataFrame, study: Study, crops: Mapping[str, Any] | None, licences: str = ""
) -> Markup:
    """Return the data of the explorer as JSON that can stand in a script element.

    Args:
        laid_out: the values.
        summary: the rows of :func:`harness.reporting.statistics.summary.summarize`.
        study: the experiment.
        crops: what :mod:`harness.reporting.figures.crops` wrote, None without any.
        licences: whose the images are.
    """
    names = list(dict.fromkeys(summary["column"])) if len(summary) else []
    scopes = [name for name in (AVERAGE, *study.datasets, REAL) if len(summary) and (summary["scope"] == name).any()]
    order = [*study.degradations, *study.datasets, AVERAGE]
    names.sort(key=order.index)
    images, left_out = _images(laid_out, study)
    document = {
        "metrics": [_metric(name) for name in study.metrics],
        "networks": list(study.networks),
        "scopes": [{"name": name, "label": _scope(name)} for name in scopes],
        "columns": [{"name": name, "label": _column(name, study)} for name in names],
        "methods": _methods(study),
        "baseline": study.all_methods.index(study.baseline),
        "cells": list(_cells(laid_out, summary, study, scopes, names)),
        "images": images,
        "leftOut": left_out,
        "crops": _crops(crops, study) if crops else [],
        "thumbs": crops["thumbs"] if crops else {},
        "cropsSay": f"{crops['says']}{' Images: ' + licences + '.' if licences else ''}" if crops else "",
    }
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def _metric(name: str) -> dict[str, Any]:
    label = metric_label(name)
    return {
        "name": name,
        "title": label.title,
        "unit": label.unit,
        "decimals": label.decimals,
        "higher": label.higher_is_better,
    }


def _scope(name: str) -> str:
    return {AVERAGE: "all data sets, averaged", REAL: "real photographs"}.get(name, name)


def _column(name: str, study: Study) -> str:
    if name == AVERAGE:
        return "average"
    return degradation_label(name) if name in study.degradations else name


def _methods(study: Study) -> list[dict[str, Any]]:
    look = MethodStyle(study.all_methods, study.seedless, study.baseline)
    found = []
    for name in study.all_methods:
        kind = "reference" if name in study.references else "external" if name in study.seedless else "trained"
        gray = kind != "trained" or name == study.baseline
        color = None if gray else look.color(name)
        found.append({"name": name, "label": method_label(name), "kind": kind, "color": color})
    return found


def _cells(
    laid_out: Sequence[Block], summary: pd.DataFrame, study: Study, scopes: list[str], names: list[str]
) -> Iterator[list[Any]]:
    """Yield every cell: five indices, what is known of it, and the differences of its single seeds."""
    if summary.empty:
        return
    each = _seed_differences(laid_out, study)
    places = (study.metrics, study.networks, scopes, names, study.all_methods)
    for row in summary[_CELL].to_dict("records"):
        digits = metric_label(row["metric"]).decimals + 2
        keys = tuple(row[name] for name in _CELL[:5])
        values = [_number(row[name], digits) for name in ("mean", "difference", "low", "high")]
        rest = [bool(row["significant"]), row["verdict"], int(row["seeds"]), int(row["seeds_total"])]
        single = [_number(value, digits) for value in each.get(keys, ())]
        indices = [list(known).index(key) for known, key in zip(places, keys, strict=True)]
        yield [*indices, row["state"], *values, *rest, single]


def _seed_differences(laid_out: Sequence[Block], study: Study) -> dict[tuple[Any, ...], npt.NDArray[np.float64]]:
    """Return the mean difference to the baseline of each seed, for each trained method in each column."""
    found = {}
    for block in laid_out:
        if study.baseline not in block.methods:
            continue
        base = block.methods.index(study.baseline)
        for column in columns(block, study):
            means = seed_means(column.values, column.strata)
            whole = np.where(np.isfinite(column.values).all(2), means, np.nan)
            for place, method in enumerate(block.methods):
                own = whole[place] - whole[base]
                if method not in study.seedless and place != base and np.isfinite(own).any():
                    key = (block.metric, block.network, column.scope, column.name, method)
                    found[key] = own[np.isfinite(own)]
    return found


def _number(value: float, digits: int) -> float | str | None:
    if np.isnan(value):
        return None
    return round(float(value), digits) if np.isfinite(value) else "inf" if value > 0 else "-inf"


def _images(laid_out: Sequence[Block], study: Study) -> tuple[list[dict[str, Any]], bool]:
    """Return the values of single images, means over seeds, by network and set; and whether some were left out."""
    found: list[dict[str, Any]] = []
    count = 0
    for block in laid_out:
        for (dataset, degradation), values in block.values.items():
            count += values.shape[2] * len(block.methods)
            if count > MOST_VALUES:
                return found, True
            digits = metric_label(block.metric).decimals + 1
            finite = np.isfinite(values)
            total = np.where(finite, values, 0.0).sum(1)
            means = np.where(finite.any(1), total / np.maximum(finite.sum(1), 1), np.nan)
            means[np.isposinf(values).any(1)] = np.inf
            by_method = dict(zip(block.methods, means, strict=True))
            absent = np.full(values.shape[2], np.nan)
            found.append(
                {
                    "metric": study.metrics.index(block.metric),
                    "network": study.networks.index(block.network),
                    "dataset": dataset,
                    "degradation": degradation,
                    "names": list(block.images[(dataset, degradation)]),
                    "values": [
                        [_number(value, digits) for value in by_method.get(name, absent)] for name in study.all_methods
                    ],
                }
            )
    return found, False


def _crops(crops: Mapping[str, Any], study: Study) -> list[dict[str, Any]]:
    """Return the cases of crops with the network's index."""
    return [{**case, "network": study.networks.index(case["network"])} for case in crops["cases"]]
