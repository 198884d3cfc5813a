"""The history file: exact numbers, nothing for None."""

from __future__ import annotations

import csv
from pathlib import Path

from harness.training.history import Row, write_history


def test_numbers_survive_exactly(tmp_path: Path) -> None:
    rows = [Row(0, None, None, None, None, 0.1), Row(10, 1 / 3, 0.25, 1 / 3 - 0.25, 2e-4, None)]
    write_history(tmp_path / "history.csv", rows)
    read = list(csv.DictReader((tmp_path / "history.csv").read_text().splitlines()))
    assert read[0] == {"iteration": "0", "loss": "", "l1": "", "penalty": "", "learning_rate": "", "heldout_l1": "0.1"}
    assert float(read[1]["loss"]) == 1 / 3
    assert float(read[1]["penalty"]) == 1 / 3 - 0.25
