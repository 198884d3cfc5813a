"""Write all tables of an experiment: the main table, one file per metric, and everything as numbers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from harness.foundation.files import write_text
from harness.reporting.files import degraded_metrics, photograph_metrics
from harness.reporting.rows.cells import STATUSES
from harness.reporting.rows.compared import Study
from harness.reporting.rows.labels import metric_label
from harness.reporting.rows.metric_rows import blocks, load
from harness.reporting.rows.run_records import load_records
from harness.reporting.statistics.comparison import Comparison, comparisons
from harness.reporting.statistics.summary import rank_table, summarize_blocks
from harness.reporting.statistics.sweeps import sweep_summary
from harness.reporting.tables import latex, render
from harness.reporting.tables.cost import write_costs
from harness.reporting.tables.equal_cost import equal_cost_table
from harness.reporting.tables.formats import PlainTable, csv_text, write_plain
from harness.reporting.tables.guide import write_guides
from harness.reporting.tables.passes import passes_table
from harness.reporting.tables.published import write_published
from harness.reporting.tables.sweeps import write_sweeps
from harness.reporting.tables.systematic_sets import judge, write_systematic
from harness.reporting.templates import page

_TITLES = {
    "real_paired": "Real photographs with ground truth",
    "real_unpaired": "Real photographs without ground truth",
}


def write_tables(metrics: str | Path, study: Study, runs: str | Path, folder: str | Path) -> list[Path]:
    """Write the tables of an aggregated metrics file below ``folder`` and return their paths, sorted.

    ``main.{md,csv,tex,html}``: the first metric, averaged over data sets. ``<metric>.{md,csv,tex,html}``: the average
    and each data set, without what ``main`` holds. ``real_paired.{md,csv,tex,html}`` and
    ``real_unpaired.{md,csv,tex,html}``: all metrics on real
    photographs with and without ground truth, where the study has such.
    ``summary.csv``: every number of
    :func:`harness.reporting.statistics.summary.summarize`. ``ranks.csv``: how stable the ranking is.
    ``failures.{md,csv}``: what failed or is missing. ``published.{md,csv,tex,html}``: published numbers
    (``configs/published``) beside ours, if there are any. ``README.md``: what each file is. ``preview.tex``: a document
    that shows all LaTeX tables.
    ``cost.{md,csv,tex,html}``: what training cost, from the records in ``runs``, the folder of all run folders.
    ``equal_cost.{md,csv,tex,html}``: the main comparison again, with baselines that took as long as each method.
    ``test_time.{md,csv,tex,html}``: of networks that draw random numbers at test time, single passes and means.
    ``systematic.{md,csv,tex,html}``: sets of many degradations, where the study has such.
    The same metrics give the same bytes.
    """
    frame = load(metrics)
    laid_out = blocks(frame, study)
    summary = summarize_blocks(laid_out, study)
    files = {"summary.csv": numbers(summary), "ranks.csv": numbers(rank_table(laid_out, study))}
    for metric in degraded_metrics(study):
        tables = comparisons(summary, study, metric, real=False)
        if metric == study.metrics[0]:
            files |= _formats("main", tables[:1], summary, study.name)
            tables = tables[1:]
        files |= _formats(metric, tables, summary, study.name) if tables else {}
    for name, measured in photograph_metrics(study).items():
        tables = [table for metric in measured for table in comparisons(summary, study, metric, real=True)]
        files |= _formats(name, tables, summary, study.name)
    failed = failures(frame)
    files |= {"failures.md": failed.markdown(), "failures.csv": failed.csv()}
    for name, text in files.items():
        write_text(Path(folder) / name, text)
    records = load_records(study, runs)
    trained = study.trainings
    paths = write_costs(trained, records if trained is study else load_records(trained, runs), folder)
    if study.ways:
        paths += write_plain(passes_table(frame, study), "Random numbers at test time", folder, study.name)
    paths += write_plain(
        equal_cost_table(laid_out, summary, study, records), "Comparison at equal cost", folder, study.name
    )
    paths += write_published(summary, study, folder)
    if study.swept:
        paths += write_sweeps(sweep_summary(frame, study), study, Path(folder))
    if study.systematic:
        paths += write_systematic(judge(frame, study), study, Path(folder))
    paths += [Path(folder) / name for name in files]
    return sorted([*paths, *write_guides(study.name, paths, folder)])


def failures(frame: pd.DataFrame) -> PlainTable:
    """Return the table of what failed or is missing: one row per run, set and status."""
    bad = frame[frame["status"] != STATUSES[0]]
    keys = ["network", "variant", "seed", "dataset", "degradation", "status"]
    rows = []
    for key, group in bad.groupby(keys, observed=True, sort=False, dropna=False):
        network, variant, seed, dataset, degradation, status = key
        images = [str(name) for name in dict.fromkeys(group["image"].astype(str)) if name]
        shown = ", ".join(images[:3]) + (f" and {len(images) - 3} more" if len(images) > 3 else "")
        number = "" if pd.isna(seed) else str(seed)
        names = (str(network), str(variant), number, str(dataset), str(degradation), str(status))
        rows.append((*names, str(len(group)), shown or "all"))
    caption = "Cells that failed (tried, in vain) or are missing (not evaluated yet), with the number of metric values."
    header = ("network", "method", "seed", "data set", "degradation", "status", "values", "images")
    return PlainTable("failures", caption, header, tuple(rows), frozenset({2, 6}))


def _formats(name: str, tables: list[Comparison], rows: pd.DataFrame, study: str) -> dict[str, str]:
    rows = rows[rows["metric"].isin([table.metric for table in tables])]
    rows = pd.concat([rows[(rows["metric"] == table.metric) & (rows["scope"] == table.scope)] for table in tables])
    parts = "\n".join(render.html_table(table) for table in tables)
    title = _TITLES.get(name) or metric_label(tables[0].metric).axis
    return {
        f"{name}.md": "\n".join(render.markdown(table) for table in tables),
        f"{name}.csv": numbers(rows),
        f"{name}.tex": latex.body([render.latex(table, _mark(name, table, study)) for table in tables]),
        f"{name}.html": page(title, parts),
    }


def _mark(name: str, table: Comparison, study: str) -> str:
    return latex.label(study, name, *([] if name == "main" else [table.metric, table.scope]))


def numbers(table: pd.DataFrame) -> str:
    """Return a frame as CSV: six significant digits, empty where there is no number."""
    texts = [_texts(table[name]) for name in table.columns]
    return csv_text(list(table.columns), list(zip(*texts, strict=True)))


def _texts(column: pd.Series) -> list[str]:
    values = column.tolist()
    if column.dtype.kind == "f":
        return ["" if value != value else f"{value:.6g}" for value in values]
    if column.dtype.kind == "b":
        return ["true" if value else "false" for value in values]
    return ["; ".join(value) if isinstance(value, tuple) else str(value) for value in values]
