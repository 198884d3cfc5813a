"""What runs leave behind besides weights: their history and their record."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from harness.foundation.errors import HarnessError
from harness.reporting.rows.compared import Study, StudyRun

HISTORY = ("iteration", "loss", "l1", "penalty", "learning_rate", "heldout_l1")
"""Columns of ``history.csv``."""

RECORD = ("seconds", "images_per_second", "spec", "hardware")
"""Fields of ``run.json`` that nothing can be reported without."""

Key = tuple[str, str, int]
"""(network, variant, seed)."""


@dataclass(frozen=True)
class Records:
    """Histories and records of those runs that have them; runs that are not done yet are simply absent.

    Attributes:
        histories: the rows of ``history.csv``.
        documents: the content of ``run.json``.
        folders: the run's folder, with its weights.
    """

    histories: dict[Key, pd.DataFrame]
    documents: dict[Key, dict[str, Any]]
    folders: dict[Key, Path]


def load_records(study: Study, runs: str | Path) -> Records:
    """Read ``history.csv`` and ``run.json`` of the study's runs below ``runs``.

    Raises:
        HarnessError: a file is there but cannot be read.
    """
    records = Records({}, {}, {})
    for run in study.runs:
        folder = Path(runs) / run.name
        key = (run.network, run.variant, run.seed)
        if (folder / "history.csv").is_file():
            records.histories[key] = read_history(folder / "history.csv")
        if (folder / "run.json").is_file():
            records.documents[key] = read_document(folder / "run.json")
            records.folders[key] = folder
    return records


def read_history(path: Path) -> pd.DataFrame:
    """Read a history; empty fields become NaN.

    Raises:
        HarnessError: the file is no history.
    """
    try:
        table = pd.read_csv(path)
    except (ValueError, OSError) as error:
        raise HarnessError(f"{path}: not a readable history; delete the run's folder and train again") from error
    lacking = [name for name in HISTORY if name not in table.columns]
    if lacking:
        raise HarnessError(f"{path}: lacks the column {lacking[0]!r}; delete the run's folder and train again")
    try:
        return table.astype(dict.fromkeys(HISTORY[1:], "float64"))
    except ValueError as error:
        raise HarnessError(f"{path}: not a readable history; delete the run's folder and train again") from error


def read_document(path: Path) -> dict[str, Any]:
    """Read the record of a run, ``run.json``.

    Raises:
        HarnessError: the file is no record.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise HarnessError(f"{path}: not a readable record; delete the run's folder and train again") from error
    if not isinstance(document, dict):
        raise HarnessError(f"{path}: not a record; delete the run's folder and train again")
    lacking = [name for name in RECORD if name not in document]
    if lacking:
        raise HarnessError(f"{path}: lacks {lacking[0]!r}; delete the run's folder and train again")
    return document


def key_of(run: StudyRun) -> Key:
    """Return the key of a run in :class:`Records`."""
    return (run.network, run.variant, run.seed)
