"""Mistakes in what an experiment wants to claim: primary comparisons, margins, seeds until it is decided, power."""

from __future__ import annotations

import json
from pathlib import Path

from tests.bad_inputs.case import BASE, EXPERIMENT, Case, written
from tests.bad_inputs.experiments import CHECK, edit


def _begun(folder: Path) -> None:
    sequence = "seeds: {at_least: 2, at_most: 5, until: decided}"
    written(EXPERIMENT, BASE.replace("seeds: [0]", sequence))(folder)
    planned = {"at_least": 2, "at_most": 4, "by": None, "until": "decided"}
    record = {"planned": planned, "stage": 2, "looks": []}
    written("results/mine/seeds.json", json.dumps(record))(folder)


CASES = [
    edit(
        "primary-method",
        "a primary comparison of a variant that is not there",
        "seeds: [0]",
        "seeds: [0]\nprimary: {methods: [dropout]}",
        "primary.methods: 'dropout': unknown; allowed: ...",
    ),
    edit(
        "primary-column",
        "a primary comparison on a degradation that is not measured",
        "seeds: [0]",
        "seeds: [0]\nprimary: {column: blur}",
        "primary.column: 'blur': unknown; allowed: average, clean",
    ),
    edit(
        "primary-metric",
        "a primary comparison by a metric that is not measured",
        "seeds: [0]",
        "seeds: [0]\nprimary: {metric: lpips}",
        "primary.metric: 'lpips': unknown; allowed: psnr_rgb",
    ),
    edit(
        "margin-metric",
        "a margin of a metric that is not measured",
        "seeds: [0]",
        "seeds: [0]\nmargin: {ssim_y: 0.01}",
        "margin: 'ssim_y': unknown; allowed: psnr_rgb",
    ),
    edit(
        "margin-negative",
        "a margin below 0",
        "seeds: [0]",
        "seeds: [0]\nmargin: {psnr_rgb: -0.1}",
        "margin.psnr_rgb: -0.1: ...",
    ),
    Case(
        "power-unknown",
        "a forecast of power without anything to make it from",
        f"plan --power {EXPERIMENT}",
        f"{EXPERIMENT}: has no metrics yet; name an experiment that has run with --pilot, declare --sigma ...",
        written(EXPERIMENT, BASE.replace("[baseline]", "[baseline, dropout]")),
    ),
    Case(
        "power-alone",
        "a forecast of power for a baseline alone",
        f"plan --power {EXPERIMENT} --sigma 0.1 0.1 0.1",
        f"{EXPERIMENT}: variants: nothing but the baseline; add a method to compare with it",
    ),
    Case(
        "power-sigma",
        "a standard deviation below 0",
        f"plan --power --sigma -0.1 0.1 0.1 {EXPERIMENT}",
        "--sigma: -0.1 0.1 0.1: give three standard deviations, not negative and not all 0",
        written(EXPERIMENT, BASE.replace("[baseline]", "[baseline, dropout]")),
    ),
    Case(
        "power-without",
        "standard deviations without the forecast that they are for",
        f"plan --sigma 0.1 0.1 0.1 {EXPERIMENT}",
        "--sigma and --pilot say what --power is to be computed from; add --power",
    ),
    edit(
        "seeds-one",
        "a sequence that begins with one seed",
        "seeds: [0]",
        "seeds: {at_least: 1, at_most: 4, until: decided}",
        "seeds.at_least: 1: input should be greater than or equal to 2",
    ),
    edit(
        "seeds-most",
        "a sequence that cannot grow",
        "seeds: [0]",
        "seeds: {at_least: 3, at_most: 3, until: decided}",
        "seeds: at_most 3 is not above at_least 3; give more, or a list",
    ),
    edit(
        "seeds-tuning",
        "a sequence of seeds in an experiment that tunes",
        "seeds: [0]",
        "seeds: {at_least: 2, at_most: 4, until: decided}\ntuning: {trials: 2, iterations: 0.5, on: heldout}",
        "tuning: cannot stand beside seeds that are added until it is decided; list them",
    ),
    edit(
        "seeds-until",
        "a sequence that ends with a word of its own",
        "seeds: [0]",
        "seeds: {at_least: 3, at_most: 5, until: better}",
        "seeds.until: 'better': input should be 'decided'",
    ),
    Case(
        "yaml-seeds-begun",
        "a sequence of seeds whose numbers are changed after it was begun",
        CHECK,
        "results/mine/seeds.json: the sequence was begun with {at_least: 2, at_most: 4, until: decided}, ...",
        _begun,
    ),
]
