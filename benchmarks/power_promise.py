"""Whether the forecast of power keeps its promise: the chance that it states against the share of stars that come.

``python -m benchmarks.power_promise [--trials N]`` plants a difference in one of four methods that share a baseline, in
six situations, and counts through the whole path, differences to stars. The promise is computed twice: from the true
standard deviations, as with ``plan --power --sigma``, and from those that a pilot of the same size estimates, as after
training; the second is the mean over the pilots.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.arguments import positive
from benchmarks.statistics_study import Truth
from harness.foundation.rng import numpy_stream
from harness.reporting.statistics import paired as st
from harness.reporting.statistics.critical import ALPHA
from harness.reporting.statistics.groups import Judged
from harness.reporting.statistics.power import Situation, chance
from harness.reporting.statistics.rule import Layout, group_pvalues, table_factors, table_pvalues
from harness.reporting.tables.formats import markdown_table

Floats = npt.NDArray[np.float64]

METHODS, COLUMNS = 4, 9
TRIALS, PILOTS = 4000, 400

SITUATIONS = (
    (Truth(2, (100,), (0.05, 0.15, 0.05)), 0.25),
    (Truth(3, (100,), (0.05, 0.15, 0.05)), 0.2),
    (Truth(3, (14,), (0.02, 0.15, 0.05)), 0.15),
    (Truth(3, (5, 14, 100), (0.05, 0.10, 0.10)), 0.2),
    (Truth(5, (100,), (0.05, 0.10, 0.10)), 0.1),
    (Truth(10, (100,), (0.20, 0.10, 0.02)), 0.25),
)
"""Truth and planted difference, dB: chances from a third to nine tenths."""


@dataclass(frozen=True)
class Outcome:
    """Shares: stars that came, promised from true standard deviations, promised by pilots on average."""

    came: float
    promised: float
    by_pilots: float


def differences(truth: Truth, tables: int, chunk: int) -> Floats:
    """Return differences (tables, 4, S, N) of four methods with one baseline, whose luck is half of their variance."""
    random = numpy_stream("power promise", repr(truth), chunk)
    n, shape = sum(truth.images), (tables, METHODS + 1)
    arms = truth.sigma[0] * random.normal(0, 1, (*shape, truth.seeds, 1))
    arms = arms + truth.sigma[1] * random.normal(0, 1, (*shape, 1, n))
    arms += truth.sigma[2] * random.normal(0, 1, (*shape, truth.seeds, n))
    return (arms[:, 1:] - arms[:, :1]) / np.sqrt(2)


def outcome(truth: Truth, effect: float, trials: int = TRIALS, pilots: int = PILOTS) -> Outcome:
    """Simulate one situation."""
    first = Layout(truth.seeds, truth.images, (True,) * METHODS, (True,) * METHODS)
    later = Layout(truth.seeds, truth.images, (True,) * METHODS, (False,) * METHODS)
    layouts = [first, *[later] * (COLUMNS - 1)]
    factor = table_factors(layouts)[0]
    promises: list[float] = []
    came, done = 0, 0
    while done < trials:
        count = min(500, trials - done)
        values = differences(truth, count, done)
        parts = st.variance_components(values.reshape(-1, *values.shape[2:]), truth.strata())
        mean, seed, image, rest = (
            part.reshape(count, METHODS) for part in (parts.mean, parts.seed, parts.image, parts.sigma_rest)
        )
        shifted = mean + effect * (np.arange(METHODS) == 0)
        found = [group_pvalues(shifted, seed, image, first)]
        nothing = [np.ones((count, METHODS))] * (COLUMNS - 1)
        came += int((table_pvalues([*found, *nothing], layouts)[0][:, 0] < ALPHA).sum())
        for index in range(min(count, pilots - len(promises))):
            floor = (float(seed[index].mean()), float(image[index].mean()))
            rows, known = tuple(range(METHODS)), (mean[index], found[0][index], mean[index])
            group = Judged("baseline", METHODS, rows, METHODS + 1, first, *known, floor)
            pilot = Situation.estimated(group, 0, float(rest[index, 0]), factor)
            promises.append(float(chance(pilot, np.array([effect]))[0]))
        done += count
    true = Situation(METHODS, truth.seeds, truth.images, truth.sigma, factor=factor)
    return Outcome(came / trials, float(chance(true, np.array([effect]))[0]), float(np.mean(promises)))


def main(arguments: list[str] | None = None) -> None:
    """Simulate all situations and print them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.power_promise", description=__doc__)
    parser.add_argument("--trials", type=positive, default=TRIALS, help="experiments per situation")
    options = parser.parse_args(arguments)
    rows = []
    for truth, effect in SITUATIONS:
        found = outcome(truth, effect, options.trials)
        sigma = ", ".join(f"{value:.2f}" for value in truth.sigma)
        shares = [f"{share:.1%}" for share in (found.came, found.promised, found.by_pilots)]
        rows.append([str(truth.seeds), "+".join(map(str, truth.images)), sigma, f"{effect:.2f}", *shares])
    header = ["seeds", "images", "sigma seed, image, rest (dB)", "planted (dB)", "came", "promised", "by pilots"]
    print(markdown_table(header, rows, frozenset({0, 1, 3, 4, 5, 6})))


if __name__ == "__main__":
    main()
