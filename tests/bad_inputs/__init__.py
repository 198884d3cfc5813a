"""Everything that users hand to the harness by mistake, and its answers: the source of docs/bad-inputs.md."""

from __future__ import annotations

from tests.bad_inputs import (
    altered,
    archives,
    arithmetic,
    checkpoints,
    claims,
    data,
    experiments,
    file_names,
    images,
    kept_weights,
    names,
    places,
    regularizers,
    results,
    sharing,
    systematic,
    tuning,
    weights,
)
from tests.bad_inputs.case import Case

SECTIONS: dict[str, list[Case]] = {
    "Images": images.CASES,
    "Names of images": file_names.CASES,
    "Names": names.CASES,
    "Folders and files": places.CASES,
    "Data sets and benchmarks": data.CASES,
    "Archives": archives.CASES,
    "Experiments": [*experiments.CASES, *kept_weights.CASES, *claims.CASES, *systematic.CASES],
    "Regularizers": regularizers.CASES,
    "Tuning": tuning.CASES,
    "Weights": weights.CASES,
    "Checkpoints and models from outside": checkpoints.CASES,
    "Results and states": results.CASES,
    "Altered files": altered.CASES,
    "Arithmetic": arithmetic.CASES,
    "Sharing, showing, leaving out": sharing.CASES,
}
"""Heading to cases, in the order of the document."""

CASES = [case for cases in SECTIONS.values() for case in cases]
