"""What adding seeds until it is decided does to the level, and what it saves.

``python -m benchmarks.sequential [--trials N]`` simulates tables of four methods in nine columns that share a baseline
in each; the ninth column is primary. After each stage of ``seeds: {at_least: 3, at_most: 10, until: decided}`` the rule
is asked, with the share of the level that the look may spend (*in turn*), with the whole level each time (*peeking*),
or once with all seeds (*fixed*). It stops where all primary comparisons are better, worse or equivalent.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.arguments import positive
from benchmarks.familywise import standardized
from benchmarks.statistics_study import Truth
from harness.experiment.stages import SeedsEntry
from harness.foundation.rng import numpy_stream
from harness.reporting.statistics import paired as st
from harness.reporting.statistics.critical import ALPHA
from harness.reporting.statistics.rule import Layout, group_pvalues, table_pvalues
from harness.reporting.tables.formats import markdown_table

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

METHODS, COLUMNS, MARGIN = 4, 9, 0.1
TRIALS, CHUNK = 1000, 50
ENTRY = SeedsEntry(at_least=3, at_most=10, until="decided")

CELLS = (
    Truth(10, (100,), (0.05, 0.15, 0.05)),
    Truth(10, (100,), (0.05, 0.10, 0.10)),
    Truth(10, (14,), (0.05, 0.15, 0.05)),
    Truth(10, (100,), (0.02, 0.10, 0.05)),
)
"""Standard deviations are those of a difference, dB."""


@dataclass(frozen=True)
class Outcome:
    """Of one way to look: shares of tables, and how many seeds they took.

    Attributes:
        false: tables with a star of a method that does not differ.
        equivalent: tables that call the method with the planted difference equivalent (where that is the margin or
            more).
        found: tables in which it has its star, in the primary column.
        decided: tables that stopped decided.
        seeds: mean number of seeds.
    """

    false: float
    equivalent: float
    found: float
    decided: float
    seeds: float


@dataclass(frozen=True)
class _Look:
    """What the rule says of tables (B, 36) at one look."""

    stars: Flags
    equivalent: Flags


def differences(truth: Truth, effects: str, effect: float, tables: int, chunk: int) -> Floats:
    """Return differences (tables, columns, methods, S, N); the first method differs by ``effect`` in every column."""
    random = numpy_stream("sequential", repr(truth), effects, chunk)
    n, lead = sum(truth.images), (tables, COLUMNS, METHODS + 1)
    arms = np.zeros((*lead, truth.seeds, n))
    for sigma, shape in zip(truth.sigma, ((truth.seeds, 1), (1, n), (truth.seeds, n)), strict=True):
        arms += sigma / np.sqrt(2) * standardized(random, effects, (*lead, *shape))
    found = arms[:, :, 1:] - arms[:, :, :1]
    found[:, :, 0] += effect
    return found


def _look(values: Floats, truth: Truth, share: float) -> _Look:
    tables, _, _, seeds, n = values.shape
    parts = st.variance_components(values.reshape(-1, seeds, n), truth.strata())
    shape = (tables, COLUMNS, METHODS)
    mean, seed, image = (part.reshape(shape) for part in (parts.mean, parts.seed, parts.image))
    layouts = [
        Layout(seeds, truth.images, (True,) * METHODS, (column == COLUMNS - 1,) * METHODS) for column in range(COLUMNS)
    ]
    claims = []
    for tested in (mean, np.maximum(MARGIN - np.abs(mean), 0.0)):
        groups = [
            group_pvalues(tested[:, index], seed[:, index], image[:, index], item) / share
            for index, item in enumerate(layouts)
        ]
        claims.append(np.concatenate(table_pvalues(groups, layouts), axis=1) < ALPHA)
    return _Look(claims[0], claims[1] & ~claims[0])


def outcomes(truth: Truth, effects: str, effect: float, trials: int) -> dict[str, Outcome]:
    """Simulate ``trials`` tables and judge them in all three ways."""
    ways = {"in turn": ENTRY.looks, "peeking": ENTRY.looks, "fixed": ENTRY.looks[-1:]}
    rows: dict[str, list[Floats]] = {way: [] for way in ways}
    done = 0
    while done < trials:
        count = min(CHUNK, trials - done)
        values = differences(truth, effects, effect, count, done)
        for way, counts in ways.items():
            rows[way].append(_stopped(values, truth, counts, spending=way == "in turn", effect=effect))
        done += count
    return {way: Outcome(*np.concatenate(parts, axis=1).mean(1).tolist()) for way, parts in rows.items()}


def _stopped(values: Floats, truth: Truth, counts: tuple[int, ...], *, spending: bool, effect: float) -> Floats:
    """Return for each table (5, B) what stands there where it stops, in the order of :class:`Outcome`."""
    tables = len(values)
    result, running = np.zeros((5, tables)), np.ones(tables, bool)
    planted = np.arange(COLUMNS * METHODS) % METHODS == 0
    null = ~planted if effect else np.ones_like(planted)
    first, primary = (COLUMNS - 1) * METHODS, slice((COLUMNS - 1) * METHODS, None)
    for index, seeds in enumerate(counts):
        look = _look(values[running, :, :, :seeds], truth, ENTRY.share(index) if spending else 1.0)
        decided = np.asarray((look.stars | look.equivalent)[:, primary].all(1), np.bool_)
        numbers = (look.stars[:, null].any(1), look.equivalent[:, planted].any(1), look.stars[:, first], decided)
        result[:, running] = np.stack([*numbers, np.full(len(decided), seeds)])
        running[running] = ~decided
        if not running.any():
            break
    return result


def main(arguments: list[str] | None = None) -> None:
    """Simulate all cells and print them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sequential", description=__doc__)
    parser.add_argument("--trials", type=positive, default=TRIALS, help=f"tables per cell (default {TRIALS})")
    options = parser.parse_args(arguments)
    rows = []
    for truth in CELLS:
        for effects, effect in (("normal", 0.0), ("t3", 0.0), ("lognormal", 0.0), ("normal", 0.1), ("normal", 0.2)):
            for way, found in outcomes(truth, effects, effect, options.trials).items():
                sigma = ", ".join(f"{value:.2f}" for value in truth.sigma)
                shares = [f"{share:.1%}" for share in (found.false, found.equivalent, found.found, found.decided)]
                shares[1:3] = shares[1:3] if effect else ["", ""]
                rows.append([str(truth.images[0]), sigma, effects, f"{effect:.1f}", way, *shares, f"{found.seeds:.1f}"])
    header = ["images", "sigma seed, image, rest (dB)", "effects", "planted (dB)", "looks"]
    header += ["false star", "false equivalent", "found", "decided", "seeds"]
    print(markdown_table(header, rows, frozenset({0, 3, 5, 6, 7, 8, 9})))


if __name__ == "__main__":
    main()
