"""bf16 is computed where the device has it, and said to be float32 where it has not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from harness.datasets.patches import Pack
from harness.foundation import provenance
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


@pytest.mark.parametrize(
    ("asked", "computed", "device", "flags", "last"),
    [
        ("auto", "fp32", "cpu", "avx2", False),
        ("auto", "fp32", "cpu", "avx2 avx_vnni", False),
        ("auto", "fp32", "cpu", "avx2 avx512f", True),
        ("auto", "fp32", "cpu", "avx2 avx512f avx512_bf16", True),
        ("auto", "fp32", "cpu", "avx2 avx512f amx_bf16", True),
        ("auto", "bf16", "cpu", "avx2 avx512f avx512_bf16", True),
        ("auto", "fp32", "cuda:1", "avx2", True),
        (True, "fp32", "cpu", "avx2", True),
        (False, "bf16", "cpu", "avx2 avx512f amx_bf16", False),
    ],
)
def test_layout_of_a_machine(
    asked: Any, computed: Any, device: str, flags: str, last: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "_cpu_flags", lambda: set(flags.split()))
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: computed == "bf16")
    assert precision.in_channels_last(asked, "bf16" if computed == "bf16" else "fp32", device) is last
    assert precision.in_channels_last(asked, "bf16", device) is last or computed == "fp32"
    if device == "cpu":
        weights = Learner(tiny_spec(channels_last=asked, precision=computed), device).network.conv_first.weight
        assert weights.is_contiguous(memory_format=torch.channels_last) is last


def test_a_cpu_that_imitates_bf16_is_laid_out_as_for_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "_cpu_flags", lambda: {"avx2"})
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: False)
    assert not precision.in_channels_last("auto", "bf16", "cpu")


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
