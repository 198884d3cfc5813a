"""The rows of a network that draws random numbers at test time, from those of each seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd


def random_rows(found: Mapping[str, Sequence[pd.DataFrame]]) -> pd.DataFrame:
    """Return for each way to run the network the mean over the seeds of the random numbers, then what each gave.

    A value that one seed lacks has no mean.

    Args:
        found: the rows of each seed, equal but for value and status, by the way's name; their ``attrs`` hold
            dictionaries, which are joined.
    """
    frames = []
    notes: dict[Any, dict[Any, Any]] = {}
    for name, drawn in found.items():
        values = np.stack([one["value"].to_numpy(np.float64) for one in drawn]).mean(0)
        status = np.where(np.isnan(values), "failed", "ok")
        for one in (drawn[0].assign(network=name, value=values, status=status), *drawn):
            for kind, noted in one.attrs.items():
                notes.setdefault(kind, {}).update(noted)
            frames.append(one)
            one.attrs = {}  # pandas would compare them
    whole = pd.concat(frames, ignore_index=True)
    whole.attrs.update(notes)
    return whole
