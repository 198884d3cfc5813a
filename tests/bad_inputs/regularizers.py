"""Settings with which a method would silently be another one, and mistakes in regularizers of one's own."""

from __future__ import annotations

from tests.bad_inputs.case import BASE, EXPERIMENT, Case, both, written
from tests.bad_inputs.experiments import CHECK, text

VARIANTS = "configs/regularizers.yaml"
NETWORKS = "configs/networks.yaml"


def variant(id: str, given: str, options: str, answer: str) -> Case:
    """A variant of a project's own catalogue with these options."""
    make = both(
        written(EXPERIMENT, BASE.replace("[baseline]", "[baseline, mine]")),
        written(VARIANTS, f"mine: {options}\n"),
    )
    return Case(f"variant-{id}", given, CHECK, answer, make)


def passes(id: str, given: str, test_time: str, answer: str) -> Case:
    """A network of a project's own catalogue of which this is said at test time."""
    entry = f"noisy: {{path: 'own:Noisy', test_time: {test_time}}}\n"
    return Case(f"passes-{id}", given, CHECK, f"...networks.yaml: noisy.test_time.{answer}", written(NETWORKS, entry))


ALIGNED = BASE.replace("[baseline]", "[baseline, simple_align]")

CASES = [
    passes(
        "one", "a mean of one pass", "{passes: 1, seeds: [0]}", "passes: 1: input should be greater than or equal to 2"
    ),
    passes("twice", "a seed of passes given twice", "{passes: 2, seeds: [3, 3]}", "seeds: 3: given twice"),
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
        "equally-weighted",
        "a loss weighted by the degradation, with equal weights",
        "{regularizer: degradation_weighted, options: {sharpness: 0}}",
        "...regularizers.yaml: mine: regularizer degradation_weighted: options.sharpness: 0: must not be 0: that is the "
        "baseline's loss",
    ),
    variant(
        "masked-backwards",
        "input masking from more to less",
        "{regularizer: input_mask, options: {low: 0.9, high: 0.1}}",
        "...regularizers.yaml: mine: regularizer input_mask: options: low 0.9: must not be greater than high 0.1",
    ),
    text(
        "pooled-degradations",
        "a loss weighted by the degradation, and a pool that mixes images of other steps in",
        BASE.replace("[baseline]", "[baseline, degradation_weighted]").replace(
            "batch_size: 2", "batch_size: 2\n  pool: 4"
        ),
        "training.pool: 4: variant 'degradation_weighted' asks how each image was degraded, which a pool does not keep; "
        "leave pool out",
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
    Case(
        "new-regularizer-taken",
        "a new regularizer of a name that a variant has",
        "new-regularizer dropout_q10",
        "new-regularizer: name 'dropout_q10': a variant is called so; choose another name",
    ),
    Case(
        "new-regularizer-packages",
        "a new regularizer in a project of two packages",
        "new-regularizer my_noise",
        "new-regularizer: several packages here: one, two; choose one by --package",
        both(written(VARIANTS, "{}\n"), written("one/__init__.py", ""), written("two/__init__.py", "")),
    ),
    Case(
        "new-regularizer-package",
        "a package that is a path",
        "new-regularizer my_noise --package ../elsewhere",
        "new-regularizer: --package '../elsewhere': write it as Python imports it, such as ideas",
        written(VARIANTS, "{}\n"),
    ),
    Case(
        "initialization-lacking",
        "an initialization as released, on a network without an upsampling convolution",
        CHECK,
        "...networks.yaml: rrdb_small: upconv: required by initialization 'released_upconv' of ...regularizers.yaml: "
        "dropout_released, but not given; name its first upsampling convolution, or leave the variant out",
        written(
            EXPERIMENT,
            BASE.replace("[baseline]", "[baseline, dropout_released]").replace("srresnet_tiny", "rrdb_small"),
        ),
    ),
    Case(
        "role-lacking",
        "a regularizer that acts at a role which the network does not have",
        CHECK,
        "...networks.yaml: bare: taps.blocks: required by ...regularizers.yaml: adaptive_dropout, but not given; there "
        "are: last",
        both(
            written(
                EXPERIMENT,
                BASE.replace("[baseline]", "[baseline, adaptive_dropout]")
                .replace("srresnet_tiny", "bare")
                .replace("iterations: 4", "iterations: 100"),
            ),
            written(
                "configs/networks.yaml",
                "bare: {path: 'basicsr.archs.srresnet_arch:MSRResNet', arguments: {upscale: 4}, taps: {last: "
                "['conv_last:input']}}\n",
            ),
        ),
    ),
]
