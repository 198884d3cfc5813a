"""The table of an ablation study: each level's mean, its difference to the control with interval, seeds and cost."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.experiment.ablations import Ablation
from harness.foundation.files import write_text
from harness.reporting.figures.ablation import Factor, factor_figure
from harness.reporting.rows.compared import AVERAGE, Study, study_of_ablation
from harness.reporting.rows.labels import MetricLabel, metric_label
from harness.reporting.rows.metric_rows import load
from harness.reporting.rows.run_records import load_records
from harness.reporting.statistics.comparison import Cell, cell_of, comparison
from harness.reporting.statistics.costs import costs
from harness.reporting.statistics.critical import ALPHA
from harness.reporting.statistics.paired import LEVEL
from harness.reporting.statistics.summary import summarize
from harness.reporting.tables import latex, render
from harness.reporting.tables.formats import PlainTable, markdown_escape
from harness.reporting.tables.write import numbers
from harness.reporting.templates import page


@dataclass(frozen=True)
class Outcome:
    """A study with its numbers.

    Attributes:
        ablation: the study.
        study: the same as reporting sees it: levels are methods, the control is the baseline.
        summary: the rows of :func:`harness.reporting.statistics.summary.summarize`.
        cost: the rows of :func:`harness.reporting.statistics.costs.costs`.
    """

    ablation: Ablation
    study: Study
    summary: pd.DataFrame
    cost: pd.DataFrame


def outcome(ablation: Ablation, metrics: str | Path, runs: str | Path) -> Outcome:
    """Compute everything about a study from its aggregated metrics and the folder of all run folders."""
    study = study_of_ablation(ablation)
    summary = summarize(load(metrics), study)
    return Outcome(ablation, study, summary, costs(study, load_records(study, runs)))


def write_outcome(found: Outcome, folder: str | Path) -> list[Path]:
    """Write ``table.{md,csv,tex,html}`` and ``figure.{pdf,png}`` below ``folder``; the same input, the same bytes.

    The CSV holds every number: a row per network, metric, scope, column and level.
    """
    folder, file = Path(folder), found.ablation.file
    levels, metric = level_table(found), found.study.metrics[0]
    detail = comparison(found.summary, found.study, metric, widest(found))
    title = f"{found.ablation.experiment.name}: {file.title}"
    head = f"# {markdown_escape(title)}\n\n{markdown_escape(file.question)}\n\n"
    texts = {"table.md": head + levels.markdown(), "table.csv": numbers(_rows(found))}
    parts, tex = levels.html(), [levels.latex(found.ablation.experiment.name)]
    if detail is not None:
        texts["table.md"] += "\n" + render.markdown(detail)
        parts += render.html_table(detail)
        mark = latex.label(found.ablation.experiment.name, levels.name, metric)
        tex.append(render.latex(detail, mark))
    texts["table.tex"] = latex.body(tex)
    texts["table.html"] = page(title, parts)
    for name, text in texts.items():
        write_text(folder / name, text)
    paths = factor_figure(found.summary, found.study, factor(found), metric, folder)
    return sorted([*(folder / name for name in texts), *paths])


def factor(found: Outcome) -> Factor:
    """Return how the figure shows the levels."""
    file = found.ablation.file
    return Factor(file.factor, file.axis, {name: file.value(name) for name in found.study.methods})


def widest(found: Outcome) -> str:
    """Return "average" if the first metric has an average over data sets, else its one data set."""
    names = list(found.summary.loc[found.summary["metric"] == found.study.metrics[0], "scope"])
    return AVERAGE if AVERAGE in names else names[0]


def level_table(found: Outcome) -> PlainTable:
    """Return one row per level: the first metric averaged over degradations, on all data sets together and on each."""
    study, metric, scope = found.study, found.study.metrics[0], widest(found)
    label = metric_label(metric)
    rows = found.summary[found.summary["metric"] == metric]
    column = rows[rows["scope"] == scope]["column"].iloc[-1]
    last = rows.groupby(["network", "scope"], sort=False)["column"].transform("last") == rows["column"]
    cells = {(row["network"], row["method"], row["scope"]): row for row in rows[last].to_dict("records")}
    cost = {(row["network"], row["method"]): row for row in found.cost.to_dict("records")}
    datasets = [name for name in study.datasets if scope == AVERAGE and (rows["scope"] == name).any()]
    several = len(study.networks) > 1
    body = []
    for network in study.networks:
        for level in study.methods_of(network):
            own = cells[network, level, scope]
            each = [_short(cell_of(cells[network, level, name], label)) for name in datasets]
            texts = [level, *_estimate(own, label), *each, *_effort(own, cost.get((network, level)))]
            body.append(tuple([network, *texts] if several else texts))
    unit = f" ({label.unit})" if label.unit else ""
    header = ["level", label.axis, f"difference{unit}", f"{LEVEL:.0%} interval", "p", *datasets]
    header = ["network"] * several + [*header, "seeds", "hours", "relative"]
    return PlainTable(
        f"ablation-{found.ablation.name}",
        _caption(found, label, scope, column),
        tuple(header),
        tuple(body),
        frozenset(range(1 + several, len(header))),
    )


def _estimate(row: dict[Hashable, Any], label: MetricLabel) -> tuple[str, str, str, str]:
    """Return mean, difference, interval and corrected p-value of a level as text."""
    cell = cell_of(row, label)
    value = cell.value + ("°" if cell.partial else "")
    interval = f"[{cell.low}, {cell.high}]" if cell.low else ""
    p = f"{row['p_family']:.3f}" if np.isfinite(row["p_family"]) else ""
    return value, cell.gain + "*" * cell.star, interval, p


def _short(cell: Cell) -> str:
    return cell.gain + "*" * cell.star if cell.gain else ("" if np.isfinite(cell.number) else cell.value)


def _effort(row: dict[Hashable, Any], cost: dict[Hashable, Any] | None) -> tuple[str, str, str]:
    """Return seeds with values, hours of one training, and its time relative to the control's."""
    seeds = f"{row['seeds']}/{row['seeds_total']}"
    if cost is None:
        return seeds, "", ""
    relative = f"{cost['relative']:.2f}" if np.isfinite(cost["relative"]) else ""
    return seeds, f"{cost['seconds'] / 3600:.3g}", relative


def _caption(found: Outcome, label: MetricLabel, scope: str, column: str) -> str:
    control = found.study.baseline
    over = "averaged over the degradations" if column == AVERAGE else f"on {column}"
    where = "data sets weighing the same" if scope == AVERAGE else f"on {scope}"
    each = " The columns of single data sets are differences too." if scope == AVERAGE else ""
    return (
        f"{found.ablation.file.factor}: {label.axis}, {over}, {where}. {label.direction} Differences to {control!r}, "
        f"paired by seed and image, with {LEVEL:.0%} intervals.{each} p holds for all comparisons of a data set "
        f"together (docs/statistics.md); *: p < {ALPHA:g}. °: some seeds have no values yet. Hours: one "
        f"training; relative: its time against {control!r}."
    )


def _rows(found: Outcome) -> pd.DataFrame:
    """Return all numbers: the summary with levels, their values on the axis, and what training cost."""
    cost = found.cost[["network", "method", "runs", "seconds", "relative"]]
    merged = found.summary.merge(cost, how="left", on=["network", "method"])
    values = [found.ablation.file.value(name) for name in merged["method"]]
    merged = merged.astype({"runs": float, "seconds": float, "relative": float})
    merged.insert(merged.columns.get_loc("method") + 1, "value", np.array(values, np.float64))
    return merged.rename(columns={"method": "level"})
