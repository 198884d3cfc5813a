"""False claims of whole tables: metric values of arms go in, what the report would print comes out.

``python -m benchmarks.whole_tables [--trials N]`` draws the values of a baseline and four methods in eight
degradations, hands them to :func:`harness.reporting.statistics.summary.summarize_blocks`, which every table and the
report are made of, and counts the tables with at least one claim that is not true. Arms share the baseline, the average
column is the mean of the others, and half of the variance of all luck is common to the degradations.
``benchmarks.familywise`` has many more cells; it begins at the differences and ends at the stars.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.arguments import positive
from benchmarks.familywise import standardized
from benchmarks.statistics_study import Truth
from harness.degradations.fixed import STANDARD
from harness.foundation.rng import numpy_stream
from harness.reporting.rows.cells import ABSENT, OK
from harness.reporting.rows.compared import Study
from harness.reporting.rows.metric_rows import Block
from harness.reporting.statistics.rule import EQUIVALENT
from harness.reporting.statistics.summary import summarize_blocks
from harness.reporting.tables.formats import markdown_table

Floats = npt.NDArray[np.float64]

METHODS = ("baseline", "dropout", "two_views", "simple_align", "adaptive_dropout")
METRIC, MARGIN = "psnr_rgb", 0.1
TRIALS = 400

CELLS = (
    Truth(2, (100,), (0.05, 0.10, 0.10)),
    Truth(3, (14,), (0.05, 0.15, 0.05)),
    Truth(3, (100,), (0.05, 0.15, 0.05)),
    Truth(3, (5, 14, 100), (0.05, 0.10, 0.10)),
    Truth(10, (100,), (0.02, 0.10, 0.05)),
)
"""Standard deviations are those of a difference, dB."""

NOTHING: Mapping[str, float] = {}
AT_MARGIN: Mapping[str, float] = dict.fromkeys(METHODS[1:], MARGIN)
TWO_BEST: Mapping[str, float] = {"dropout": 1.0, "simple_align": 1.0}
"""Gains over the baseline, dB; a method that is not named has none."""


@dataclass(frozen=True)
class Shares:
    """Shares of tables with at least one of each.

    Attributes:
        star: a star, though no method differs.
        partial: the same if one method lacks a seed that all others have.
        bare: a bold number without its star (the baseline's: without a star of every other method), in any table drawn.
        bold: a bold number, though the two best methods are equally good.
        equivalent: the word "equivalent", though all methods differ by just the margin.
    """

    star: float
    partial: float
    bare: float
    bold: float
    equivalent: float


def study(truth: Truth) -> Study:
    """Return the study of one cell."""
    return Study.product(
        "whole tables",
        methods=METHODS,
        references=(),
        seeds=tuple(range(truth.seeds)),
        datasets=tuple(f"set{index}" for index in range(len(truth.images))),
        degradations=STANDARD,
        metrics=(METRIC,),
    )


def block(truth: Truth, effects: str, gains: Mapping[str, float], number: int, *, lacking: bool = False) -> Block:
    """Draw the values of one table; ``lacking`` leaves out the last seed of the second method."""
    random = numpy_stream("whole tables", repr(truth), effects, number)
    plan = study(truth)
    arms, seeds, n, kinds = len(METHODS), truth.seeds, sum(truth.images), len(STANDARD)
    total = np.zeros((arms, seeds, n, kinds))
    for sigma, shape in zip(truth.sigma, ((arms, seeds, 1), (arms, 1, n), (arms, seeds, n)), strict=True):
        common, own = (standardized(random, effects, (*shape, count)) for count in (1, kinds))
        total += sigma / 2 * (common + own)  # an arm has half the variance of a difference, and so has each summand
    total += np.array([gains.get(name, 0.0) for name in METHODS])[:, None, None, None]
    total += 25 + random.normal(0, 3, (1, 1, n, kinds))
    status = np.full(total.shape, OK, np.int8)
    if lacking:
        total[1, -1], status[1, -1] = np.nan, ABSENT
    ends = np.cumsum((0, *truth.images))
    parts = [(name, slice(*ends[index : index + 2])) for index, name in enumerate(plan.datasets)]
    places = {(name, kind): (part, place) for name, part in parts for place, kind in enumerate(STANDARD)}
    return Block(
        METRIC,
        plan.networks[0],
        METHODS,
        plan.seeds,
        {key: total[:, :, part, place] for key, (part, place) in places.items()},
        {key: status[:, :, part, place] for key, (part, place) in places.items()},
        {key: tuple(f"{index:03d}" for index in range(part.stop - part.start)) for key, (part, _) in places.items()},
    )


def table(
    truth: Truth, effects: str, gains: Mapping[str, float], number: int, *, lacking: bool = False
) -> pd.DataFrame:
    """Return the widest table of one simulated experiment, as the report has it."""
    plan = study(truth)
    rows = summarize_blocks([block(truth, effects, gains, number, lacking=lacking)], plan)
    return rows[rows["scope"] == ("average" if len(plan.datasets) > 1 else plan.datasets[0])]


def bare(rows: pd.DataFrame) -> bool:
    """Tell whether a table has a bold number without the stars that belong to it."""
    for _, cells in rows.groupby("column"):
        for best in cells.loc[cells["best_significant"], "method"]:
            others = cells[cells["method"] != METHODS[0]]
            stars = others if best == METHODS[0] else others[others["method"] == best]
            if not stars["significant"].all():
                return True
    return False


def shares(truth: Truth, effects: str, trials: int) -> Shares:
    """Simulate ``trials`` tables of each kind and count."""
    found: list[tuple[bool, ...]] = []
    for number in range(trials):
        nothing = table(truth, effects, NOTHING, number)
        partial = table(truth, effects, NOTHING, number, lacking=True)
        two = table(truth, effects, TWO_BEST, number)
        edge = table(truth, effects, AT_MARGIN, number)
        found.append(
            (
                bool(nothing["significant"].any()),
                bool(partial["significant"].any()),
                any(bare(rows) for rows in (nothing, partial, two, edge)),
                bool(two["best_significant"].any()),
                bool((edge["verdict"] == EQUIVALENT).any()),
            )
        )
    return Shares(*np.mean(found, axis=0).tolist())


def main(arguments: list[str] | None = None) -> None:
    """Simulate all cells and print them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.whole_tables", description=__doc__)
    parser.add_argument(
        "--trials", type=positive, default=TRIALS, help=f"tables of each kind and cell (default {TRIALS})"
    )
    options = parser.parse_args(arguments)
    rows = []
    for truth in CELLS:
        for effects in ("normal", "lognormal"):
            counted = shares(truth, effects, options.trials)
            sigma = ", ".join(f"{value:.2f}" for value in truth.sigma)
            numbers = [f"{getattr(counted, item.name):.1%}" for item in fields(Shares)]
            rows.append([str(truth.seeds), "+".join(map(str, truth.images)), sigma, effects, *numbers])
    header = ["seeds", "images", "sigma seed, image, rest (dB)", "effects", *(item.name for item in fields(Shares))]
    print(markdown_table(header, rows, frozenset({0, 1, 4, 5, 6, 7, 8})))


if __name__ == "__main__":
    main()
