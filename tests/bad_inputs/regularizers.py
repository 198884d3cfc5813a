"""Settings with which a method would silently be another one, and mistakes in regularizers of one's own."""

from __future__ import annotations

from tests.bad_inputs.case import BASE, EXPERIMENT, Case, both, written
from tests.bad_inputs.experiments import CHECK, text

VARIANTS = "configs/regularizers.yaml"


def variant(id: str, given: str, options: str, answer: str) -> Case:
    """A variant of a project's own catalogue with these options."""
    make = both(
        written(EXPERIMENT, BASE.replace("[baseline]", "[baseline, mine]")),
        written(VARIANTS, f"mine: {options}\n"),
    )
    return Case(f"variant-{id}", given, CHECK, answer, make)


ALIGNED = BASE.replace("[baseline]", "[baseline, simple_align]")

CASES = [
    text(
        "align-of-one",
        "Simple-Align with one ground truth in a batch, whose penalty is always 0",
        ALIGNED,
        "training.batch_size: 2: variant 'simple_align' does nothing to fewer than 2 ground truths; make it at least 4",
    ),
    Case(
        "yaml-two-views-of-one",
        "its control with one ground truth, which has no penalty",
        CHECK,
        f"{EXPERIMENT}: 2 runs...",
        written(EXPERIMENT, BASE.replace("[baseline]", "[baseline, two_views]")),
        status=0,
    ),
    text(
        "annealed-at-once",
        "as many iterations as Adaptive Dropout has steps of annealing, so that the first site is never dropped",
        BASE.replace("[baseline]", "[baseline, adaptive_dropout]").replace("iterations: 4", "iterations: 25"),
        "training.iterations: 25: variant 'adaptive_dropout' anneals in steps and needs at least 26",
    ),
    variant(
        "rate-0",
        "dropout of nothing",
        "{regularizer: dropout, options: {rate: 0}}",
        "...regularizers.yaml: mine: regularizer dropout: options.rate: 0: input should be greater than 0",
    ),
    variant(
        "undisturbed",
        "Adaptive Dropout that keeps all of the undisturbed features",
        "{regularizer: adaptive_dropout, options: {initial_weight: 1}}",
        "...regularizers.yaml: mine: regularizer adaptive_dropout: options.initial_weight: 1: input should be less than 1",
    ),
    variant(
        "nothing-aligned",
        "Simple-Align with none of its terms",
        "{regularizer: simple_align, options: {first_order: false, second_order: false}}",
        "...regularizers.yaml: mine: regularizer simple_align: options: first_order and second_order false: nothing is "
        "aligned; weight 0 is the control",
    ),
]
