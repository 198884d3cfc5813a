"""Everything that users hand to the harness by mistake, and its answers: the source of docs/bad-inputs.md."""

from __future__ import annotations

from tests.bad_inputs import archives, checkpoints, data, experiments, images, results, weights
from tests.bad_inputs.case import Case

SECTIONS: dict[str, list[Case]] = {
    "Images": images.CASES,
    "Data sets and benchmarks": data.CASES,
    "Archives": archives.CASES,
    "Experiments": experiments.CASES,
    "Weights": weights.CASES,
    "Checkpoints and models from outside": checkpoints.CASES,
    "Results and states": results.CASES,
}
"""Heading to cases, in the order of the document."""

CASES = [case for cases in SECTIONS.values() for case in cases]
