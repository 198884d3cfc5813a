"""Published lines and networks of a systematic evaluation, as CSV: a column ``<name>_<metric>`` for each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.foundation.errors import HarnessError

Floats = npt.NDArray[np.float64]


def read_columns(path: Path, metric: str) -> tuple[tuple[str, ...], dict[str, Floats]]:
    """Read the columns of one metric.

    Args:
        path: a CSV file whose first column names the degradations.
        metric: ``psnr`` or ``ssim``.

    Returns:
        The D degradations, and by name of the column, less the metric, (D,) values.

    Raises:
        HarnessError: the file is missing, is no such table, has no column of the metric, or lacks a number.
    """
    try:
        frame = pd.read_csv(path, encoding="utf-8-sig", dtype={0: str})
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise HarnessError(f"{path}: cannot be read as a CSV table ({error})") from error
    found = [name for name in frame.columns[1:] if name.endswith(f"_{metric}")]
    if not found:
        raise HarnessError(f"{path}: no column ends in _{metric}; there are: {', '.join(map(str, frame.columns[1:]))}")
    names = tuple(frame.iloc[:, 0].astype(str))
    if not names or len(set(names)) != len(names):
        raise HarnessError(f"{path}: the first column must name every degradation once")
    columns = {}
    for name in found:
        values = pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64)
        if not np.isfinite(values).all():
            row = names[int(np.flatnonzero(~np.isfinite(values))[0])]
            raise HarnessError(f"{path}: {name}: no number for degradation {row}")
        columns[name.removesuffix(f"_{metric}")] = values
    return names, columns


def read_lines(path: Path, metric: str) -> tuple[tuple[str, ...], Floats, Floats]:
    """Return the degradations, the acceptance line and the excellence line, which stand in this order.

    Raises:
        HarnessError: as for :func:`read_columns`, or there are not two columns of the metric.
    """
    names, columns = read_columns(path, metric)
    if len(columns) != 2:
        raise HarnessError(
            f"{path}: must have two columns ending in _{metric}, the acceptance line and then the excellence line; "
            f"there are {len(columns)}"
        )
    acceptance, excellence = columns.values()
    return names, acceptance, excellence
