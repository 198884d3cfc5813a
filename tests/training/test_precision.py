"""bf16 is computed where the device has it, and said to be float32 where it has not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness.datasets.patches import Pack
from harness.training import precision
from harness.training.batches import heldout_batches
from harness.training.step import Learner
from harness.training.train import settle
from tests.training.conftest import tiny_spec


@pytest.mark.parametrize(
    ("capabilities", "used"),
    [
        ({"architecture": "x86_64", "avx2": True}, "fp32"),
        ({"architecture": "x86_64", "avx512_f": True}, "fp32"),
        ({"architecture": "x86_64", "avx512_bf16": True}, "bf16"),
        ({"architecture": "x86_64", "amx_tile": True}, "bf16"),
    ],
)
def test_cpu(
    capabilities: dict[str, object], used: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert precision.arithmetic("bf16", "cpu") == used
    precision.warn("bf16", "cpu", "a run")
    assert capsys.readouterr().err.startswith("a run: precision: bf16: this CPU has no") == (used == "fp32")


def test_other_requests_are_taken_literally(capsys: pytest.CaptureFixture[str]) -> None:
    assert precision.arithmetic("fp32", "cpu") == "fp32"
    assert precision.arithmetic("bf16", "cuda:1") == "bf16"
    assert precision.arithmetic("tf32", "cuda:1") == "tf32"
    precision.warn("bf16", "cuda", "a run")
    assert not capsys.readouterr().err


def test_tf32_is_for_convolutions_of_the_training_step_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert precision.arithmetic("tf32", "cpu") == "fp32"
    precision.warn("tf32", "cpu", "a run")
    assert capsys.readouterr().err == "a run: precision: tf32: this CPU has no tf32 instructions; computing in fp32\n"
    try:
        for asked in ("tf32", "fp32", "bf16"):
            settle(1, asked)
            assert torch.backends.cudnn.allow_tf32 == (asked == "tf32")
            assert not torch.backends.cuda.matmul.allow_tf32
    finally:
        settle(1)


def test_the_heldout_loss_is_exact_and_a_cpu_trains_alike(packs: Path) -> None:
    """The hash is another one; other hashes are what they were: the default is no part of this choice."""
    plain, coarse = tiny_spec(), tiny_spec(precision="tf32")
    assert plain.hash != coarse.hash
    seen: list[bool] = []
    learner = Learner(coarse, "cpu")
    learner.average.network.register_forward_hook(lambda *_: seen.append(torch.backends.cudnn.allow_tf32))
    settle(1, "tf32")
    try:
        learner.heldout_l1(heldout_batches(Pack.open(packs / "embedded_heldout"), coarse, "cpu"))
        assert torch.backends.cudnn.allow_tf32
    finally:
        settle(1)
    assert seen
    assert not any(seen)
