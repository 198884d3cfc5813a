"""The history of a run: one row per logged iteration, kept in the state and written out as CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from harness.foundation.sums import seal_text


@dataclass(frozen=True)
class Row:
    """One line of ``history.csv``.

    Attributes:
        iteration: 1-based; 0 is before the first step.
        loss: L1 plus penalty, mean over the iterations since the line before; None at iteration 0.
        l1: the L1 part (images in [0, 1]).
        penalty: the regularizer's part.
        learning_rate: of this iteration.
        heldout_l1: L1 loss of the averaged weights on the fixed held-out batch, where it was measured.
    """

    iteration: int
    loss: float | None
    l1: float | None
    penalty: float | None
    learning_rate: float | None
    heldout_l1: float | None


def write_history(path: Path, rows: list[Row]) -> None:
    """Write rows as CSV with a header, atomically and with its sum; numbers in full precision, nothing for None."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Row)], lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: "" if v is None else repr(v) for k, v in asdict(row).items()} for row in rows)
    seal_text(path, text.getvalue())
