"""The rows of an experiment's analyses, with the names that its tables use."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from harness.experiment import Experiment
from harness.experiment.analyses import Analyses
from harness.experiment.kept_weights import Checkpoint
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.sums import check

_NEEDED = {"analysis", "measure", "degradation", "layer", "depth", "image", "channel", "value", "low", "high"}


def load_analyses(experiment: Experiment) -> pd.DataFrame:
    """Read the rows of all checkpoints; ``variant`` is that of the experiment, ``iteration`` that of the weights.

    Raises:
        HarnessError: a file is missing, was changed, or lacks columns.
    """
    return pd.concat([_read(one) for one in Analyses(experiment).all], ignore_index=True)


def read_rows(path: Path) -> pd.DataFrame:
    """Read the rows of one checkpoint.

    Raises:
        HarnessError: the file is missing, was changed, is no table, or lacks columns.
    """
    if not path.is_file():
        raise HarnessError(f"{path}: not there; {layout.remedy(path)}")
    check(path)
    try:
        frame = pd.read_csv(path, dtype={"image": str, "degradation": str, "layer": str}, keep_default_na=True)
    except (ValueError, OSError) as error:
        raise HarnessError(f"{path}: not rows of an analysis ({error}); {layout.remedy(path)}") from error
    if lacking := sorted(_NEEDED - set(frame.columns)):
        raise HarnessError(f"{path}: lacks the column {lacking[0]!r}; {layout.remedy(path)}")
    return frame


def _read(one: Checkpoint) -> pd.DataFrame:
    frame = read_rows(one.rows)
    own = {"network": one.run.network, "variant": one.run.variant, "seed": one.run.seed, "iteration": one.iteration}
    text = {name: frame[name].fillna("") for name in ("image", "degradation", "layer")}
    return frame.assign(**own, **text)
