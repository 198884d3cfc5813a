"""What runs leave behind besides weights: their history and their record."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import (
    BaseModel,
    ConfigDict,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)

from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.sums import check
from harness.foundation.yamlfile import validate
from harness.reporting.rows.compared import Study, StudyRun

HISTORY = ("iteration", "loss", "l1", "penalty", "learning_rate", "heldout_l1")
"""Columns of ``history.csv``."""

_CHECKED = ConfigDict(strict=True, allow_inf_nan=False)
_HASH = re.compile("[0-9a-f]{8}")

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


class _Training(BaseModel):
    """What of a run's training every report needs."""

    model_config = _CHECKED
    iterations: PositiveInt
    batch_size: PositiveInt


class _Spec(BaseModel):
    """What of a run's spec every report needs."""

    model_config = _CHECKED
    training: _Training
    network: dict[str, Any]
    regularizer: dict[str, Any]


class _Record(BaseModel):
    """What a ``run.json`` must hold to be believed: numbers that a run can have, and whose they are."""

    model_config = _CHECKED
    spec: _Spec
    hardware: dict[str, Any]
    seconds: PositiveFloat
    images_per_second: PositiveFloat
    spec_hash: str | None = None
    peak_memory_bytes: NonNegativeInt | None = None
    energy_joules: NonNegativeFloat | None = None
    heldout_l1_initial: NonNegativeFloat | None = None
    heldout_l1_final: NonNegativeFloat | None = None
    diverged: PositiveInt | None = None


def load_records(study: Study, runs: str | Path) -> Records:
    """Read ``history.csv`` and ``run.json`` of the study's runs below ``runs``.

    Raises:
        HarnessError: a file is there but cannot be read, is not what was written, or belongs to another run.
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
        HarnessError: the file is no history, or not what was written.
    """
    check(path)
    try:
        table = pd.read_csv(path)
    except (ValueError, OSError) as error:
        raise HarnessError(f"{path}: not a readable history; {layout.remedy(path)}") from error
    lacking = [name for name in HISTORY if name not in table.columns]
    if lacking:
        raise HarnessError(f"{path}: lacks the column {lacking[0]!r}; {layout.remedy(path)}")
    try:
        table = table.astype({"iteration": "int64"} | dict.fromkeys(HISTORY[1:], "float64"))
    except (ValueError, TypeError, OverflowError) as error:
        raise HarnessError(f"{path}: not a readable history; {layout.remedy(path)}") from error
    if np.isinf(table[list(HISTORY)]).to_numpy().any() or not _rises(table["iteration"].to_numpy()):
        raise HarnessError(f"{path}: holds numbers that no training writes; {layout.remedy(path)}")
    return table


def read_document(path: Path) -> dict[str, Any]:
    """Read the record of a run, ``run.json``.

    Raises:
        HarnessError: the file is no record, not what was written, of another run, or holds numbers that no run has.
    """
    check(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise HarnessError(f"{path}: not a readable record; {layout.remedy(path)}") from error
    if not isinstance(document, dict):
        raise HarnessError(f"{path}: not a record; {layout.remedy(path)}")
    record = _believed(document, path)
    end = path.parent.name.rpartition(".")[2]
    if record.spec_hash is not None and _HASH.fullmatch(end) and not record.spec_hash.startswith(end):
        raise HarnessError(f"{path}: spec_hash: of the run {record.spec_hash[:8]}, not of {end}; {layout.remedy(path)}")
    return document


def _believed(document: dict[str, Any], path: Path) -> _Record:
    try:
        return _Record.model_validate(document)  # as it is: writing a thousand records out as JSON again takes a second
    except ValidationError:
        try:
            return validate(document, _Record, str(path))
        except HarnessError as error:
            raise HarnessError(f"{str(error).splitlines()[0]}; {layout.remedy(path)}") from error


def _rises(iterations: npt.NDArray[np.int64]) -> bool:
    return bool(len(iterations)) and iterations[0] >= 0 and bool((np.diff(iterations) > 0).all())


def key_of(run: StudyRun) -> Key:
    """Return the key of a run in :class:`Records`."""
    return (run.network, run.variant, run.seed)
