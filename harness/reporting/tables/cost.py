"""The table of what training cost; see :mod:`harness.reporting.statistics.costs`."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.reporting.rows.compared import Study
from harness.reporting.rows.run_records import Records
from harness.reporting.statistics.costs import costs
from harness.reporting.tables.formats import PlainTable, write_plain


def cost_table(table: pd.DataFrame, study: Study) -> PlainTable:
    """Return the cost table as text."""
    rows = [_cost_row(row) for row in table.to_dict("records")]
    done = set(zip(table["network"], table["method"], strict=True))
    for network in study.networks:
        waiting = [name for name in study.methods_of(network) if name not in study.seedless]
        rows += [(network, name, "0", "not trained yet", *[""] * 8) for name in waiting if (network, name) not in done]
    measured = ("runs", "hours", "relative", "images seen", "images/s", "memory (GiB)", "energy (kWh)")
    header = ("network", "method", *measured, "held-out L1", "at equal time", "device")
    caption = (
        f"Cost of one training, mean over finished runs; relative: time against {study.baseline}. Held-out L1 at equal "
        f"iterations (the end of each training), and at equal time: the last value measured before {study.baseline}'s "
        "whole training time had passed."
    )
    caption += "".join(f" {sentence}" for sentence in slower_by_implementation(table, study))
    return PlainTable("cost", caption, header, tuple(rows), frozenset(range(2, 11)))


def slower_by_implementation(table: pd.DataFrame, study: Study) -> list[str]:
    """Return a sentence for each row whose time is not the idea's alone: it lacked what made the baseline quicker."""
    return [
        f"{row['network']}, {row['method']}: trained without the {row['without']} that {study.baseline} had, so its "
        "time is that of this implementation and not of the idea."
        for row in table.to_dict("records")
        if row["without"]
    ]


def write_costs(study: Study, records: Records, folder: str | Path) -> list[Path]:
    """Write ``cost.{md,csv,tex,html}`` below ``folder``."""
    return write_plain(cost_table(costs(study, records), study), "Cost of training", folder, study.name)


def _cost_row(row: dict[Hashable, Any]) -> tuple[str, ...]:
    energy = "" if np.isnan(row["energy"]) else f"{row['energy'] / 3.6e6:.3g}"
    return (
        str(row["network"]),
        str(row["method"]),
        str(row["runs"]),
        f"{row['seconds'] / 3600:.3g}",
        f"{row['relative']:.2f}",
        f"{row['images']:,.0f}".replace(",", "\u2009"),
        f"{row['images_per_second']:.1f}",
        f"{row['memory'] / 2**30:.2f}",
        energy,
        f"{row['heldout']:.5f}",
        f"{row['heldout_equal']:.5f}",
        str(row["devices"]),
    )
