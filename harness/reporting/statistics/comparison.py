"""The papers' table: methods against degradations, with differences to the baseline, for one metric and scope."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from harness.reporting.rows.compared import AVERAGE, REAL, Study
from harness.reporting.rows.labels import (
    MetricLabel,
    compares,
    degradation_label,
    explain_letters,
    metric_label,
    short_degradation,
)
from harness.reporting.statistics.claims import EXPLORATORY, PRIMARY
from harness.reporting.statistics.critical import ALPHA
from harness.reporting.statistics.paired import LEVEL

_NAMED = 5
"""Images that a note names before it only counts."""

_HOPELESS = 25.0
"""Standard errors beyond which a star is out of reach for any difference that a paper would report."""

MARKS = (
    "Bold: the best method of its column, if it is significantly better than every other one. Underlined: the second "
    "best, if it is significantly better than every other one but the best."
)

_SHOWN = [
    *("network", "method", "column", "state", "failed", "missing", "total", "seeds", "seeds_total"),
    *("mean", "difference", "low", "high", "significant", "best_significant", "second_significant"),
]


@dataclass(frozen=True)
class Cell:
    """One cell as text.

    Attributes:
        value: the mean ("25.67"), or what became of the cell ("failed 3/15", "missing").
        gain: difference to the baseline with sign ("+0.78"), "" where there is none.
        low, high: ends of its 95% interval, with signs.
        star: the difference is claimed, by the rule for the whole table.
        bold: the best of its column, by the same rule better than every other method.
        second: the second best, by the same rule better than every method but the best.
        partial: "2/3" if only two of three seeds have values, else "".
        number: the mean, to sort by.
    """

    value: str
    gain: str = ""
    low: str = ""
    high: str = ""
    star: bool = False
    bold: bool = False
    second: bool = False
    partial: str = ""
    number: float = float("nan")


@dataclass(frozen=True)
class Comparison:
    """A table in all its parts: ``blocks`` maps each network to its methods' cells, one per column.

    ``warnings`` come before the numbers, ``notes`` after them.
    """

    metric: str
    label: MetricLabel
    scope: str
    columns: tuple[str, ...]
    baseline: str
    blocks: dict[str, dict[str, tuple[Cell, ...]]]
    caption: str
    gain_caption: str
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def brief(self) -> str:
        """One short sentence, the caption in a paper."""
        return f"{self.heading}. {self.label.direction}"

    @property
    def letters(self) -> str:
        """What the letters in short headings mean, "" without any."""
        letters = "" if self.scope == REAL else explain_letters(self.columns)
        return f"{letters}." if letters else ""

    @property
    def heading(self) -> str:
        """The metric and where it was measured."""
        where = {AVERAGE: "average over data sets", REAL: "real photographs"}.get(self.scope, self.scope)
        return f"{self.label.axis}: {where}"

    @property
    def kind(self) -> str:
        """What a column stands for."""
        return "data set" if self.scope == REAL else "degradation"

    def short(self, column: str) -> str:
        """Return a column's heading in few letters."""
        return column if self.scope == REAL else short_degradation(column)

    def title(self, column: str) -> str:
        """Return a column's heading in words."""
        return column if self.scope == REAL else degradation_label(column)


def comparison(summary: pd.DataFrame, study: Study, metric: str, scope: str) -> Comparison | None:
    """Lay out one metric on one scope (a data set, "average" or "real"); None if nothing belongs there."""
    rows = summary[(summary["metric"] == metric) & (summary["scope"] == scope)]
    if rows.empty:
        return None
    label = metric_label(metric)
    order = (*(study.datasets if scope == REAL else study.degradations), AVERAGE)
    columns = tuple(name for name in order if (rows["column"] == name).any())
    cells = {(row["network"], row["method"], row["column"]): row for row in rows[_SHOWN].to_dict("records")}
    blocks = {
        network: {
            method: tuple(cell_of(cells.get((network, method, column)), label) for column in columns)
            for method in study.methods_of(network)
        }
        for network in study.networks
    }
    return Comparison(
        metric=metric,
        label=label,
        scope=scope,
        columns=columns,
        baseline=study.baseline,
        blocks=blocks,
        caption=_caption(rows, study, label, scope, columns),
        gain_caption=_gain_caption(rows, study, label),
        notes=tuple(_notes(rows, study, label)),
        warnings=tuple(warnings(rows, study)),
    )


def scopes(summary: pd.DataFrame, study: Study, metric: str) -> list[str]:
    """Return the scopes of a metric: the average over data sets, if there is one, each data set, real photographs."""
    present = set(summary.loc[summary["metric"] == metric, "scope"])
    return [name for name in (AVERAGE, *study.datasets, REAL) if name in present]


def comparisons(summary: pd.DataFrame, study: Study, metric: str, *, real: bool) -> list[Comparison]:
    """Lay out a metric on all scopes of degraded sets, or on real photographs."""
    own = summary[summary["metric"] == metric]
    names = [scope for scope in scopes(own, study, metric) if (scope == REAL) == real]
    return [table for scope in names if (table := comparison(own, study, metric, scope)) is not None]


def cell_of(row: dict[Hashable, Any] | None, label: MetricLabel) -> Cell:
    """Return a row of :mod:`harness.reporting.statistics.summary` as text; None is a cell that the study lacks."""
    if row is None:
        return Cell("–")
    if row["state"] == "failed":
        return Cell(f"failed {row['failed']}/{row['total']}")
    if row["state"] == "missing":
        every = row["missing"] == row["total"]
        return Cell("missing" if every else f"missing {row['missing']}/{row['total']}")
    partial = f"{row['seeds']}/{row['seeds_total']}" if row["state"] == "partial" else ""
    mean = float(row["mean"])
    cell = Cell(label.value(mean), partial=partial, number=mean)
    cell = replace(cell, bold=bool(row["best_significant"]), second=bool(row["second_significant"]))
    if not np.isfinite(row["difference"]):
        return cell
    low, high = float(row["low"]), float(row["high"])
    known = np.isfinite(low)
    return replace(
        cell,
        gain=label.difference(float(row["difference"])),
        low=label.difference(low) if known else "",
        high=label.difference(high) if known else "",
        star=bool(row["significant"]),
    )


def _caption(rows: pd.DataFrame, study: Study, label: MetricLabel, scope: str, columns: tuple[str, ...]) -> str:
    trained = rows[~rows["method"].isin(study.seedless)]
    seeds = int(trained["seeds_total"].max()) if len(trained) else 0
    images = int(rows["images"].max())
    over = f"{images} image{'s' * (images != 1)}"
    where = f"of {scope}"
    if scope in (AVERAGE, REAL):
        names = _datasets(study, rows, scope)
        where = f"of {_listed(names)}" + (", each data set weighing the same" if len(names) > 1 else "")
    text = f"{label.axis}, mean over {seeds} training seed{'s' * (seeds != 1)} and {over} {where}. {label.direction} "
    text += MARKS
    if AVERAGE in columns:
        text += f' "average": mean over the {"data sets" if scope == REAL else "degradations"}.'
    if scope == REAL:
        text += " Nobody degraded these photographs: " + (
            "their ground truth is a second photograph of the same scene."
            if compares(str(rows["metric"].iloc[0]))
            else "there is no ground truth, and the metric judges the results alone."
        )
    return text


def _datasets(study: Study, rows: pd.DataFrame, scope: str) -> list[str]:
    """Return the data sets behind an average of degraded sets, or behind the table of real photographs."""
    metric, real = rows["metric"].iloc[0], scope == REAL
    sets = [item for item in study.sets if metric in item.metrics and (item.degradation == REAL) == real]
    return list(dict.fromkeys(item.dataset for item in sets))


def _gain_caption(rows: pd.DataFrame, study: Study, label: MetricLabel) -> str:
    unit = f" in {label.unit}" if label.unit else ""
    text = f"Difference to {study.baseline}{unit}, paired by seed and image, with its {LEVEL:.0%} interval"
    trained = rows[~rows["method"].isin(study.seedless)]
    if len(trained) and trained["seeds"].max() > 1:
        text += ": hierarchical bootstrap over seeds, then images; Student's t."
    else:
        text += " over images only. With one seed, nothing here says anything about other seeds."
    tests = {role: int((rows["role"] == role).sum()) for role in (PRIMARY, EXPLORATORY)}
    text += (
        f" *: significant; without any true difference, a table like this has a star in at most {ALPHA:.0%} of cases"
    )
    text += f" ({tests[PRIMARY] + tests[EXPLORATORY]} comparisons together)."
    if study.stage is not None:
        text += f" Seeds are added until the primary comparisons are decided: this is look {study.stage.index + 1} of "
        text += f"{len(study.stage.entry.looks)}, which has {study.share:.0%} of that to spend."
    if tests[PRIMARY]:
        column = str(rows.loc[rows["role"] == PRIMARY, "column"].iloc[0])
        every = study.primary_methods == set(study.methods) - {study.baseline}
        chosen = _listed([name for name in study.methods if name in study.primary_methods])
        where = "the average" if column == AVERAGE else degradation_label(column)
        text += f" Primary: {'each trained method' if every else chosen} on {where}, tested first; everything else is "
        text += "exploratory."
    else:
        text += " All of them are exploratory."
    return text


def _reach(rows: pd.DataFrame) -> list[str]:
    """Say what a star takes, and which comparisons can never have one."""
    notes, enough = [], []
    for role in (PRIMARY, EXPLORATORY):
        needed = rows.loc[rows["role"] == role, "needed"].to_numpy(np.float64)
        never, far, near = np.isnan(needed), needed > _HOPELESS, needed <= _HOPELESS
        if never.any():
            which = f"{'any' if never.all() else never.sum()} of the {role} comparisons"
            notes.append(f"No star is possible for {which}: that takes more than one seed, and more than one image.")
        if far.any():
            which = f"{'any' if far.all() else far.sum()} of the {role} comparisons"
            text = (
                f"where the luck is hardest to judge, less than {needed[far].min():.0f} standard errors are not enough"
            )
            notes.append(f"In effect no star is possible for {which}: {text}. Add seeds.")
        if near.any():
            enough.append(f"{needed[near].max():.1f} standard errors for {role} comparisons")
    if enough:
        text = "variances of seeds and of images added, those below their mean in the column raised to it"
        notes.append(f"Enough for a star: {', '.join(enough)}; {text}.")
    return notes


def left_out_note(rows: pd.DataFrame, label: MetricLabel) -> str:
    """Name the images on which a metric is infinite, and their columns; nothing if there are none.

    Args:
        rows: of the summary, of one metric and scope.
        label: of the metric.
    """
    where: dict[str, list[str]] = {}
    for column, images in rows[["column", "left_out"]].drop_duplicates().itertuples(index=False):
        for image in images:
            where.setdefault(image, []).append(column)
    if not where:
        return ""
    listed = [f"{image} ({', '.join(map(degradation_label, names))})" for image, names in where.items()]
    shown = ", ".join(listed[:_NAMED]) + (f" and {len(listed) - _NAMED} more" if len(listed) > _NAMED else "")
    one = len(listed) == 1
    return (
        f"{label.title} is infinite for a result that is identical to the ground truth: {len(listed)} "
        f"image{'s' * (not one)}, on which some method is infinite, {'is' if one else 'are'} left out of all means and "
        f"comparisons of {'its' if one else 'their'} column: {shown}."
    )


def warnings(rows: pd.DataFrame, study: Study) -> list[str]:
    """Say where the trained baseline is below a control row, in the widest column of one metric and scope.

    Real photographs are left out: that a network loses to bicubic on them is a finding, not a sign of bad training.
    """
    found = []
    for network in study.networks:
        inside = rows[(rows["network"] == network) & (rows["scope"] != REAL)]
        last = inside[inside["column"] == inside["column"].iloc[-1]] if len(inside) else inside
        means = dict(zip(last["method"], last["mean"], strict=True))
        if study.baseline not in study.methods or not np.isfinite(base := means.get(study.baseline, np.nan)):
            continue
        label = metric_label(str(last["metric"].iloc[0]))
        sign, unit = 1.0 if label.higher_is_better else -1.0, f" {label.unit}" if label.unit else ""
        better = [name for name in study.references if sign * (means.get(name, np.nan) - base) > 0]
        if better:
            shown = _listed([f"{name} ({label.value(means[name])}{unit})" for name in better])
            where = (
                "on average"
                if last["column"].iloc[0] == AVERAGE
                else f"on {degradation_label(str(last['column'].iloc[0]))}"
            )
            found.append(
                f"Warning: on {network}, {study.baseline} ({label.value(base)}{unit}) is worse {where} than {shown}, "
                "which no training has touched. Differences between methods may then say no more than which of them "
                "learned less."
            )
    return found


def _notes(rows: pd.DataFrame, study: Study, label: MetricLabel) -> list[str]:
    notes = [note] if (note := left_out_note(rows, label)) else []
    if np.isinf(rows["mean"].to_numpy(np.float64)).any():
        notes.append("inf: identical to the ground truth on every image; compared with nothing.")
    outside = [model.name for model in study.externals if (rows["method"] == model.name).any()]
    if outside:
        text = "one checkpoint each; a difference holds for that checkpoint, not for other trainings of its method."
        notes.append(f"{_listed(outside)}: weights from outside, {text}")
    if study.ways:
        seeds = sorted({len(way.seeds) for way in study.ways})
        notes.append(
            "A network shown with passes draws random numbers at test time too. With several, the mean of outputs is "
            f"rounded and measured. Each value is the mean over {' or '.join(map(str, seeds))} seeds of these numbers, "
            "the same for all methods; the table test_time says how far the seeds lie apart."
        )
    if (rows["state"] == "partial").any():
        notes.append("°: some seeds have no values yet; the mean is over the others.")
    if (rows["state"] == "failed").any():
        notes.append("failed k/n: k of the n values behind this cell could not be measured; see failures.md.")
    if (rows["state"] == "missing").any():
        notes.append("missing: not evaluated yet; see failures.md.")
    return notes + _reach(rows)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
