"""From rows of metrics to claims: aggregation, statistics, tables, figures and the report.

Everything here is a pure function of ``metrics.parquet``, the run folders and the benchmark images: the same inputs
give the same bytes. A notebook takes :func:`results`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["results"]


def results(experiment: str, root: str | Path = ".") -> pd.DataFrame:
    """Return all values that an experiment measured, one row for each image, metric and trained network.

    Args:
        experiment: its name, such as ``demo``.
        root: the folder in which ``results/`` lies.

    Returns:
        The columns ``network``, ``variant``, ``regularizer``, ``seed`` (missing for references), ``dataset``,
        ``degradation``, ``image`` ("" where nothing of a set was measured), ``metric`` (by protocol name:
        ``docs/metrics.md`` has directions), ``value`` (dB for PSNR, no unit for the others; NaN unless ``status`` is
        ``ok``) and ``status`` (``ok``, ``failed`` or ``missing``). Text is categorical.

    Raises:
        HarnessError: there are no results of this name there, or they are not what was written.
    """
    from harness.foundation import layout
    from harness.foundation.errors import HarnessError
    from harness.foundation.names import check_name
    from harness.reporting.rows.metric_rows import load

    name = check_name(experiment, "experiment", "results")
    path = Path(root) / layout.experiment_metrics(name)
    if not path.is_file():
        raise HarnessError(
            f"{path}: no results of {name!r} here; run the experiment, or give its folder as root=; "
            "`python -m harness aggregate EXPERIMENT --partial` writes those of an unfinished one"
        )
    return load(path)
