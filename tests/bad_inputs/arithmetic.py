"""Numbers and pictures that cannot be: penalties that are no number, files that no metric can judge, halves of pairs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.commands.train import train
from tests.bad_inputs.case import BASE, EXPERIMENT, Case, Make, both, replaced, written
from tests.bad_inputs.images import GOOD

FAULTY = '''
"""A penalty that divides by zero from the third step on."""
from pydantic import Field

from harness.regularizers import OptionsModel, Regularizer


class FaultyOptions(OptionsModel):
    """``weight``: of the penalty."""

    weight: float = Field(default=0.5, ge=0)


class Faulty(Regularizer):
    """Adds the weight, over zero when half of the training is over."""

    Options = FaultyOptions

    def attach(self, network, taps, draws):
        """Nothing to do."""
        self.late = False

    def set_progress(self, fraction):
        """Remember how far the training is."""
        self.late = fraction > 0.5

    def penalty(self, features):
        """Return the penalty."""
        import torch

        return torch.tensor(self.options.weight) / (0 if self.late else 1)
'''

PAIRS = "two_cameras: {kind: real_paired, folder: pairs, pattern: 'HR/{name}', low: 'LR/{name}', licence: mine}\n"
ON_PAIRS = BASE.replace("[embedded_test]", "[embedded_test]\n  real_paired: [two_cameras]")
WEIGHTS = "evaluate {} --weights w.safetensors --network srresnet_tiny"
CLEAN = "results/benchmarks/x4/embedded_test/clean"


def _weights(folder: Path) -> None:
    (found,) = folder.glob("results/runs/*/weights.safetensors")
    shutil.copyfile(found, folder / "w.safetensors")


def _without(*fields: str) -> Make:
    lines = [line for line in BASE.splitlines() if line.split(":")[0].strip() not in fields]
    return written(EXPERIMENT, "\n".join(lines) + "\n")


def _train(folder: Path) -> None:
    """Train as the command does when Python finds the working directory's modules."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        train(Path(EXPERIMENT), "srresnet_tiny.faulty.s0")


CASES = [
    Case(
        "penalty-not-finite",
        "a penalty that divides by zero in the third step, while L1 is finite",
        f"train {EXPERIMENT} --run srresnet_tiny.faulty.s0",
        "srresnet_tiny.faulty.s0...: regularizer.faulty:Faulty: its penalty is not finite at iteration 3, where L1 still is: the learning rate is not the cause; the last good state is kept; lower the penalty's weight (now 0.5), use precision: fp32, or look for a division by zero, a root or a logarithm in it, then run again",
        both(
            written("faulty.py", FAULTY),
            written("configs/regularizers.yaml", 'faulty: {regularizer: "faulty:Faulty"}\n'),
            written(EXPERIMENT, BASE.replace("[baseline]", "[baseline, faulty]")),
        ),
        finished=True,
        call=_train,
    ),
    Case(
        "degradation-missing",
        "no degradation of the training images",
        f"check {EXPERIMENT}",
        f"{EXPERIMENT}: training.degradation: is missing; name one of: ...second_order...",
        _without("degradation"),
    ),
    Case(
        "degradation-and-more-missing",
        "no degradation of the training images, and no crop",
        f"check {EXPERIMENT}",
        f"{EXPERIMENT}: training.degradation: is missing; name one of: ...second_order...\n{EXPERIMENT}: training.crop: required, but not given",
        _without("degradation", "crop"),
    ),
    Case(
        "pair-normalized-otherwise",
        "a pair whose halves are both called café, with é as one code point and as two",
        f"benchmark {EXPERIMENT} two_cameras",
        "two_cameras: data/pairs: the halves of these pairs have names that look the same and differ in Unicode normalization (NFC, NFD): caf\u00e9; rename both halves alike, to the same form",
        both(
            written("configs/datasets.yaml", PAIRS),
            written(EXPERIMENT, ON_PAIRS),
            both(written("data/pairs/HR/caf\u00e9.png", GOOD), written("data/pairs/LR/cafe\u0301.png", GOOD)),
        ),
    ),
    Case(
        "nothing-measured",
        "a benchmark whose images are all damaged",
        WEIGHTS.format(EXPERIMENT),
        "evaluate --weights w.safetensors: nothing could be measured; the log says why",
        both(_weights, replaced(f"{CLEAN}/*.png", b"damaged")),
        finished=True,
    ),
    Case(
        "one-measured",
        "a benchmark of which one image is damaged: a table of the others, and the command that mends it",
        WEIGHTS.format(EXPERIMENT),
        f"failed: embedded_test clean chelsea: {CLEAN}/chelsea.png: not an image that Pillow can read; run `python -m harness benchmark EXPERIMENT embedded_test`",
        both(_weights, replaced(f"{CLEAN}/chelsea.png", b"damaged")),
        status=0,
        finished=True,
    ),
]
"""Every case of this page."""
