"""Published numbers beside our own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from harness.foundation.errors import HarnessError
from harness.reporting.files import PUBLISHED
from harness.reporting.rows.compared import Study
from harness.reporting.rows.labels import degradation_label, metric_label
from harness.reporting.statistics.paired import LEVEL
from harness.reporting.statistics.summary import COMPARED
from harness.reporting.tables.formats import PlainTable, write_plain

COLUMNS = ("scale", "network", "variant", "dataset", "degradation", "metric", "value", "source", "note")
"""Columns of every file in ``configs/published``."""

FOLDER = PUBLISHED


def load_published(folder: str | Path = FOLDER) -> pd.DataFrame:
    """Read all files of published numbers, in the order of their names; an absent folder is an empty table.

    Raises:
        HarnessError: a file cannot be read, lacks a column or has a value that is no number.
    """
    parts = [_read(path) for path in sorted(Path(folder).glob("*.csv"))]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))


def _read(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, OSError) as error:
        raise HarnessError(f"{path}: not a readable CSV file; mend it or remove it") from error
    lacking = [name for name in COLUMNS if name not in table.columns]
    if lacking:
        raise HarnessError(f"{path}: lacks the column {lacking[0]!r}; give {', '.join(COLUMNS)}")
    numbers = {name: pd.to_numeric(table[name], errors="coerce") for name in ("value", "scale")}
    for name, column in numbers.items():
        bad = ~np.isfinite(column.to_numpy(np.float64))
        if bad.any():
            line = int(np.flatnonzero(bad)[0])
            raise HarnessError(f"{path}: {name}: line {line + 2}: {table[name].iloc[line]!r} is not a number")
    return table.assign(**numbers)[list(COLUMNS)]


def published_table(summary: pd.DataFrame, published: pd.DataFrame, study: Study) -> PlainTable:
    """Compare with the published numbers of those cells that the study plans.

    The verdict is about training luck alone, because the test images are the same. A published value is itself one
    training of unknown luck, so it is ``inside`` or ``outside`` the 95% *prediction* interval for one more training
    (Student's t): the interval of our mean would miss half of our own next trainings.
    """
    cells = {(r["network"], r["method"], r["scope"], r["column"], r["metric"]): r for r in summary.to_dict("records")}
    rows = []
    for item in published[published["scale"] == study.scale].to_dict("records"):
        key = (item["network"], item["variant"], item["dataset"], item["degradation"], item["metric"])
        cell = cells.get(key)
        if cell is None:
            continue
        label = metric_label(item["metric"])
        shown = (key[0], key[1], key[2], degradation_label(key[3]), label.axis, label.value(item["value"]))
        if cell["state"] not in COMPARED or np.isinf(cell["mean"]):
            state = str(cell["state"]) if cell["state"] not in COMPARED else label.value(cell["mean"])
            rows.append((*shown, "", "", "", state, item["source"], item["note"]))
            continue
        ours, count = float(cell["mean"]), int(cell["seeds"])
        half = (
            float(stats.t.ppf(0.5 + LEVEL / 2, count - 1) * cell["seed_std"] * np.sqrt(1 + 1 / count))
            if count > 1
            else np.nan
        )
        inside = "inside" if abs(ours - item["value"]) <= half else "outside"
        verdict = inside if np.isfinite(half) else "one seed, no interval"
        interval = f"[{label.value(ours - half)}, {label.value(ours + half)}]" if np.isfinite(half) else ""
        difference = label.difference(ours - item["value"])
        rows.append((*shown, label.value(ours), interval, difference, verdict, item["source"], item["note"]))
    names = ("network", "method", "data set", "degradation", "metric")
    header = (*names, "published", "ours", "next training", "difference", "verdict", "source", "note")
    caption = (
        f"Published numbers beside those of {study.name}. Next training: the 95% interval for one more training on "
        "the same images, predicted from the spread of our seeds, since a published value is one training; verdict: "
        "whether it lies inside. Training protocols differ between papers; a value outside is a difference of "
        "protocols or code, not an error of either side."
    )
    return PlainTable("published", caption, header, tuple(rows), frozenset({5, 6, 7, 8}))


def write_published(
    summary: pd.DataFrame, study: Study, folder: str | Path, published: str | Path = FOLDER
) -> list[Path]:
    """Write ``published.{md,csv,tex,html}`` below ``folder``; nothing if no cell was published."""
    table = published_table(summary, load_published(published), study)
    return write_plain(table, "Published numbers beside ours", folder, study.name) if table.rows else []
