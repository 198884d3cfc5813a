"""The tables of an experiment's sets of many degradations: methods against published lines, or lines of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from harness.experiment.systematic import SystematicSet
from harness.foundation.files import write_text
from harness.reporting.rows.compared import Study
from harness.reporting.rows.labels import MetricLabel, method_label, metric_label
from harness.reporting.rows.metric_rows import Block, blocks
from harness.reporting.statistics.degradations import complete_methods
from harness.reporting.statistics.systematic import LEAST
from harness.reporting.tables import latex
from harness.reporting.tables.formats import PlainTable, csv_text
from harness.reporting.tables.systematic import PUBLISHED, NoLines, own_scores, published_scores
from harness.reporting.templates import page

PUBLISHED_METRICS = {"psnr_y_whole": "psnr", "ssim_y_whole": "ssim"}
"""Metrics that published lines are of, and what the lines' files call them."""

NETWORK = "published"
"""What stands in the column of networks beside published ones."""

INCOMPLETE = "incomplete: see failures"

_TITLES = {"ar": "AR", "rpr_i": "RPR_I", "rpr_a": "RPR_A", "rpr_u": "RPR_U"}
_RPR = (
    "RPR is the sigmoid of (quality - acceptance line) / (excellence line - acceptance line): 0.5 on the acceptance "
    "line, 0.73 on the excellence line. RPR_I: its interquartile range, smaller is more even; RPR_A and RPR_U: its "
    "means over the accepted and over the other degradations, 0 without any."
)


@dataclass(frozen=True)
class Judged:
    """Methods on one set by one metric.

    Attributes:
        part: the set.
        metric: which.
        rows: a row for each published network, and then for each network and method: ``network``, ``method`` and the
            columns of :func:`harness.reporting.tables.systematic.own_scores`; without numbers where values are missing.
        lines: network to what the lines are there, in words.
        published: whether the lines are.
        images: how many.
    """

    part: SystematicSet
    metric: str
    rows: pd.DataFrame
    lines: dict[str, str]
    published: bool
    images: int


def judge(frame: pd.DataFrame, study: Study) -> list[Judged]:
    """Return what lines say of all methods, for each set and metric of ``study.systematic``.

    Args:
        frame: the aggregated rows.
        study: the comparison.

    Raises:
        HarnessError: a file of published lines is wrong.
    """
    found = []
    for part in study.systematic:
        own = study.on(part)
        laid_out = blocks(frame, own)
        found += [_judge([one for one in laid_out if one.metric == name], own, part) for name in own.metrics]
    return found


def published_lines(part: SystematicSet, metric: str) -> Path | None:
    """Return the file of the lines that are published of a set by a metric, None without any."""
    return part.published.lines if part.published is not None and metric in PUBLISHED_METRICS else None


def _judge(laid_out: list[Block], study: Study, part: SystematicSet) -> Judged:
    metric, dataset = laid_out[0].metric, part.part.dataset
    file = published_lines(part, metric)
    parts, lines = [], {}
    if part.published is not None and file is not None:
        found = published_scores(part.published.models, file, PUBLISHED_METRICS[metric])
        parts.append(found.assign(network=NETWORK))
    for block in laid_out:
        complete = {block.methods[m] for m in complete_methods(block, dataset, study.degradations)}
        if complete:
            scored, lines[block.network] = _scored(block, study, part, file)
            parts.append(scored.assign(network=block.network))
        if lacking := [name for name in block.methods if name not in complete]:
            parts.append(pd.DataFrame({"method": lacking, "network": block.network}))
    rows = pd.concat(parts, ignore_index=True)
    order = [NETWORK, *study.networks]
    methods = [*rows["method"][rows["network"] == NETWORK], *study.all_methods]
    places = [(order.index(a), methods.index(b)) for a, b in zip(rows["network"], rows["method"], strict=True)]
    rows = rows.iloc[sorted(range(len(rows)), key=places.__getitem__)].reset_index(drop=True)
    rows = rows[["network", *(name for name in rows if name != "network")]]
    images = max(len(names) for block in laid_out for names in block.images.values())
    return Judged(part, metric, rows, lines, file is not None, images)


def _scored(block: Block, study: Study, part: SystematicSet, file: Path | None) -> tuple[pd.DataFrame, str]:
    """Return what the lines say of the complete methods of a network, and in words what the lines are."""
    dataset = part.part.dataset
    why = ""
    for acceptance, excellence in ((part.acceptance, part.excellence), (part.acceptance, ""), ("", "")):
        try:
            found = own_scores(block, study, dataset, file, acceptance, excellence)
        except NoLines as error:
            why = why or f"; {error}".replace("--", "")
            continue
        compared, total = found.attrs["compared"]
        least = LEAST[block.metric.partition("_")[0]]
        left = f"{compared} of {total} degradations count, whose lines are {least:g} apart or more"
        if file is not None:
            return found, left
        if not acceptance:
            return found, f"no lines{why}"
        if not excellence:
            return found, f"acceptance is {method_label(acceptance)}; no excellence line{why}"
        return found, f"acceptance is {method_label(acceptance)}, excellence {method_label(excellence)}; {left}"
    raise AssertionError("means need no lines")


def judged_table(judged: Judged, study: Study) -> PlainTable:
    """Return a row per network and method: mean quality and what the lines say, with differences to the baseline."""
    part, label = judged.part, metric_label(judged.metric)
    measured = [name for name in PUBLISHED if _column(judged, name) in judged.rows]
    titles = [_TITLES[name] if judged.published else f"own {_TITLES[name]}" for name in measured]
    columns = [(judged, "mean"), *((judged, name) for name in measured)]
    rows = []
    for _, row in judged.rows.iterrows():
        cells = [_cell(row, _column(*one), label, study.baseline) for one in columns]
        if pd.isna(row.get("mean")):
            cells[0] = INCOMPLETE
        rows.append((str(row["network"]), method_label(str(row["method"])), *cells))
    header = ("network", "method", f"mean, {label.unit}" if label.unit else "mean", *titles)
    name = f"systematic_{part.name}_{judged.metric}"
    caption = _caption(judged, study, label, bool(measured[1:]), bool(measured))
    return PlainTable(name, caption, header, tuple(rows), frozenset(range(2, len(header))))


def _column(judged: Judged, name: str) -> str:
    return name if judged.published or name == "mean" else f"own_{name}"


def _cell(row: pd.Series, name: str, label: MetricLabel, baseline: str) -> str:
    value = row.get(name)
    if value is None or pd.isna(value):
        return ""
    digits = label.decimals if name == "mean" else 2

    def signed(number: float) -> str:
        text = f"{number:+.{digits}f}"
        return f"+{text[1:]}" if float(text) == 0 else text

    text = f"{value:.{digits}f}"
    gain, low, high = (row.get(f"{name}_gain{end}") for end in ("", "_low", "_high"))
    if gain is None or pd.isna(gain) or row["method"] == baseline:
        return text
    interval = "" if pd.isna(low) else f" [{signed(low)}, {signed(high)}]"
    return f"{text} ({signed(gain)}{interval})"


def _caption(judged: Judged, study: Study, label: MetricLabel, ratios: bool, any_line: bool) -> str:
    part = judged.part
    count = len(part.part.degradations)
    parts = [f"{part.name}: {label.axis}, {count} degradations of {judged.images} images at x{study.scale}."]
    told = "; ".join(f"{name}: {text}" if len(judged.lines) > 1 else text for name, text in judged.lines.items())
    if judged.published and part.published is not None:
        parts.append(f"Lines and networks called published: {part.published.source}.")
        parts.append(f"{next(iter(judged.lines.values()), '')}; the mean is over all.".lstrip("; "))
    elif told:
        parts.append(f"Lines of this experiment's own, which no published number compares with: {told}.")
    if any_line:
        parts.append("AR: share of degradations on which a method is on or above the acceptance line.")
    if ratios:
        parts.append(_RPR)
    moved = f" (published lines move with the images as {study.baseline} does)" if judged.published else ""
    parts.append(
        f"In brackets the difference to {method_label(study.baseline)} and its 95% interval over seeds and images, "
        f"paired{moved}; none with one seed. No part of the main table, of stars or of any average: exploratory."
    )
    return " ".join(parts)


def write_systematic(judged: list[Judged], study: Study, folder: Path) -> list[Path]:
    """Write ``systematic.{csv,html,md,tex}`` and return their paths: a table for each set and metric.

    The CSV file holds every number, with intervals of values and of differences, a row per set, metric and method.
    """
    tables = [judged_table(one, study) for one in judged]
    every = pd.concat(
        [
            one.rows.assign(set=one.part.name, metric=one.metric, lines="published" if one.published else "own")
            for one in judged
        ],
        ignore_index=True,
    )
    first = ["set", "metric", "lines", "network", "method"]
    every = every[[*first, *(name for name in every if name not in first)]]
    texts = {
        "csv": csv_text(
            list(every.columns), [[_text(value) for value in row] for row in every.itertuples(index=False)]
        ),
        "html": page("Systematic evaluation", "\n".join(table.html() for table in tables)),
        "md": "\n".join(table.markdown() for table in tables),
        "tex": latex.body([table.latex(study.name) for table in tables]),
    }
    paths = [folder / f"systematic.{form}" for form in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        write_text(path, text)
    return paths


def _text(value: object) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:.6g}"
    return str(value)
