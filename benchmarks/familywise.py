"""How often a table without any true difference has at least one star, and how often a planted difference gets one.

``python -m benchmarks.familywise [--trials N] [--json FILE] [--quick] [--rule new|old]`` simulates tables of 36
comparisons, four methods in nine columns, from the differences of seeds and images to the stars. They are judged twice:
as a table whose ninth column is primary, and as one column of 36 methods, all primary; the larger rate counts. The new
rule is the one that sets the stars of all tables, :mod:`harness.reporting.statistics.rule`; the old one lives on here,
for the comparison in ``docs/statistics.md``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.arguments import positive
from benchmarks.statistics_study import HARD, PLAUSIBLE, Truth
from harness.foundation.files import write_text
from harness.foundation.rng import numpy_stream
from harness.reporting.statistics import paired as st
from harness.reporting.statistics.critical import ALPHA
from harness.reporting.statistics.rule import Layout, group_pvalues, table_pvalues
from harness.reporting.tables.formats import markdown_table

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

METHODS, COLUMNS = 4, 9
TESTS = METHODS * COLUMNS
EFFECTS = ("normal", "t3", "lognormal")
PLANTED = (0.1, 0.2)
TRIALS, QUICK = 4000, 200

REPORTED = (
    *(Truth(seeds, (100,), sigma) for seeds in (2, 3) for sigma in ((0.05, 0.15, 0.05), (0.05, 0.10, 0.10))),
    Truth(3, (14,), (0.20, 0.10, 0.02)),
    Truth(5, (100,), (0.05, 0.10, 0.10)),
    *(Truth(10, (100,), sigma) for sigma in ((0.05, 0.15, 0.05), (0.05, 0.10, 0.10), (0.20, 0.10, 0.02))),
)
"""Where the old rule was seen to fail, and ten seeds, where it did not."""

TRUTHS = tuple(dict.fromkeys((*REPORTED, *(Truth(t.seeds, t.images, t.sigma) for t in (*PLAUSIBLE, *HARD)))))
"""All rows: those, and the ones of ``docs/statistics.md``."""


@dataclass(frozen=True)
class Rates:
    """Shares of tables: with a false star, and with a star for a planted difference of 0.1 and 0.2 dB."""

    familywise: float
    powers: tuple[float, ...]


def draw(truth: Truth, effects: str, tables: int, chunk: int) -> Floats:
    """Return the differences (tables, 36, S, N) of comparisons that do not differ, in dB."""
    random = numpy_stream("familywise", repr(truth), effects, chunk)
    shape, n = (tables, TESTS), sum(truth.images)
    result = truth.sigma[2] * standardized(random, effects, (*shape, truth.seeds, n))
    result += truth.sigma[0] * standardized(random, effects, (*shape, truth.seeds, 1))
    result += truth.sigma[1] * standardized(random, effects, (*shape, 1, n))
    return result


def standardized(random: np.random.Generator, effects: str, shape: tuple[int, ...]) -> Floats:
    """Draw from a distribution with mean 0 and variance 1: normal, Student's t with 3 degrees, or lognormal."""
    normal = random.normal(0, 1, shape)
    if effects == "t3":
        return np.asarray(normal / np.sqrt(random.chisquare(3, shape)), np.float64)  # the variance of t3 is 3
    if effects == "lognormal":
        return np.asarray((np.exp(normal) - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e), np.float64)
    return normal


def new_stars(differences: Floats, truth: Truth, planted: float = 0.0) -> tuple[Flags, Flags]:
    """Return the stars (tables, 36) of the rule in use, as nine columns of four methods and as one column of 36.

    ``planted`` dB are added to the first comparison, a primary one.
    """
    tables = len(differences)
    parts = st.variance_components(differences.reshape(-1, *differences.shape[2:]), truth.strata())
    mean, seed, image = (part.reshape(tables, TESTS).copy() for part in (parts.mean, parts.seed, parts.image))
    mean[:, 0] += planted
    results = []
    for columns in (COLUMNS, 1):
        methods = TESTS // columns
        groups = [slice(index * methods, (index + 1) * methods) for index in range(columns)]
        layouts = [
            Layout(truth.seeds, truth.images, (True,) * methods, (index == 0,) * methods) for index in range(columns)
        ]
        found = [
            group_pvalues(mean[:, group], seed[:, group], image[:, group], layout)
            for group, layout in zip(groups, layouts, strict=True)
        ]
        results.append(np.concatenate(table_pvalues(found, layouts), axis=1) < ALPHA)
    return results[0], results[1]


def old_stars(differences: Floats, truth: Truth, planted: float = 0.0) -> tuple[Flags, Flags]:
    """Return the stars of the rule before: the larger of a permutation's and a t test's p-value, Holm over all."""
    tables, random = len(differences), numpy_stream("familywise, old rule", repr(truth))
    values = differences.reshape(-1, *differences.shape[2:]).copy()
    values[::TESTS] += planted
    strata = truth.strata()
    draws = st.bootstrap_seed_weights(truth.seeds, random, 500), st.bootstrap_image_weights(strata, random, 500)
    few = 2 ** len(strata) <= st.FLIPS + 1
    shape = (st.FLIPS, len(strata))
    signs = st.sign_patterns(len(strata), random) if few else np.where(random.random(shape) < 0.5, -1.0, 1.0)
    p = np.fmax(
        st.permutation_test(values.mean(1), strata, signs), st.t_test(st.intervals(values, strata, *draws))
    ).reshape(tables, TESTS)
    stars = np.stack([holm(row) < ALPHA for row in p])
    return stars, stars


def holm(values: Floats) -> Floats:
    """Return p-values (K,) after Holm's correction (1979)."""
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * (len(values) - np.arange(len(values)))), 1.0)
    return adjusted


RULES = {"new": new_stars, "old": old_stars}


def rates(truth: Truth, effects: str, trials: int, rule: str) -> Rates:
    """Simulate ``trials`` tables and count; differences are planted in normal effects alone."""
    stars = RULES[rule]
    chunk = max(1, min(trials, 1_500_000 // (TESTS * truth.seeds * sum(truth.images))))
    false, found, done = np.zeros(2), np.zeros(len(PLANTED)), 0
    while done < trials:
        count = min(chunk, trials - done)
        differences = draw(truth, effects, count, done)
        false += [table.any(1).sum() for table in stars(differences, truth)]
        found += [stars(differences, truth, effect)[0][:, 0].sum() for effect in PLANTED]
        done += count
    return Rates(float(false.max() / trials), tuple(float(value) for value in found / trials))


def cell(truth: Truth, effects: str, trials: int, rule: str = "new") -> dict[str, object]:
    """Return one cell as it stands in the JSON file; ``images`` is a list if there are several data sets."""
    found = rates(truth, effects, trials, rule)
    return {
        "seeds": truth.seeds,
        "images": truth.images[0] if len(truth.images) == 1 else list(truth.images),
        "sigma": list(truth.sigma),
        "effects": effects,
        "familywise": found.familywise,
        "power_0p1": found.powers[0],
        "power_0p2": found.powers[1],
    }


def table(cells: Sequence[dict[str, object]]) -> str:
    """Return cells as Markdown."""
    rows = []
    for item in cells:
        images = item["images"]
        shown = "+".join(map(str, images)) if isinstance(images, list) else str(images)
        sigma = ", ".join(f"{value:.2f}" for value in np.atleast_1d(np.asarray(item["sigma"], np.float64)))
        shares = [f"{float(str(item[key])):.1%}" for key in ("familywise", "power_0p1", "power_0p2")]
        rows.append([str(item["seeds"]), shown, sigma, str(item["effects"]), *shares])
    header = ["seeds", "images", "sigma seed, image, rest (dB)", "effects", "a false star", "0.1 dB", "0.2 dB"]
    return markdown_table(header, rows, frozenset({0, 1, 4, 5, 6}))


def main(arguments: list[str] | None = None) -> None:
    """Simulate all cells, print them and write the file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.familywise", description=__doc__)
    parser.add_argument("--trials", type=positive, help=f"tables per cell (default {TRIALS})")
    parser.add_argument("--json", type=Path, help="file for one object per cell")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} tables per cell: under a minute on one core")
    parser.add_argument("--rule", choices=sorted(RULES), default="new", help="the rule in use, or the one before")
    parser.add_argument("--effects", nargs="+", choices=EFFECTS, default=EFFECTS)
    options = parser.parse_args(arguments)
    trials = options.trials or (QUICK if options.quick else TRIALS)
    cells = [cell(truth, effects, trials, options.rule) for truth in TRUTHS for effects in options.effects]
    print(table(cells))
    if options.json is not None:
        write_text(options.json, json.dumps(cells, indent=1) + "\n")


if __name__ == "__main__":
    main()
