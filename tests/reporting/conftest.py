"""One small synthetic experiment, written once for all tests of reporting."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from harness.reporting.rows.compared import Study
from harness.reporting.rows.metric_rows import write_aggregate
from tests.reporting import synthetic
from tests.reporting import unfinished as stopped

SMALL = {"Set5": 5, "Set14": 14}


@dataclass(frozen=True)
class Written:
    """An experiment on disk: its study, raw rows, aggregated metrics and run folders."""

    study: Study
    rows: pd.DataFrame
    metrics: Path
    runs: Path


def write(folder: Path, study: Study, rows: pd.DataFrame) -> Written:
    """Write an experiment's metrics and runs below ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    raw = folder / "raw.parquet"
    rows.to_parquet(raw)
    write_aggregate([raw], study, folder / "metrics.parquet")
    synthetic.write_runs(study, folder / "runs")
    return Written(study, rows, folder / "metrics.parquet", folder / "runs")


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Three seeds, two data sets, nothing missing."""
    study = synthetic.study(datasets=tuple(SMALL))
    return write(tmp_path_factory.mktemp("plain"), study, synthetic.metric_rows(study))


@pytest.fixture(scope="session")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Two networks: a run without rows, a failed image, and one missing seed."""
    study = synthetic.study(datasets=tuple(SMALL), networks=("srresnet", "rrdb"), seeds=(0, 1))
    rows = synthetic.metric_rows(study)
    never = (rows["network"] == "rrdb") & (rows["variant"] == "dropout")
    late = (rows["network"] == "srresnet") & (rows["variant"] == "dropout") & (rows["seed"] == 1)
    rows = rows[~(never | late)].reset_index(drop=True)
    bad = (rows["variant"] == "simple_align") & (rows["degradation"] == "blur") & (rows["image"] == "set5_002")
    rows.loc[bad & (rows["seed"] == 0), "status"] = "failed"
    rows.loc[bad & (rows["seed"] == 0), "value"] = float("nan")
    return write(tmp_path_factory.mktemp("broken"), study, rows)


@pytest.fixture(scope="session")
def unfinished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working directory of an experiment that stopped in the middle, with all that reporting makes of it."""
    folder = tmp_path_factory.mktemp("unfinished")
    file = stopped.write_experiment(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        stopped.main(file.name)
    return folder
