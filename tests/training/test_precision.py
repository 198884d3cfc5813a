"""bf16 is computed where the device has it, and said to be float32 where it has not."""

from __future__ import annotations

import pytest
import torch

from harness.training import precision


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
    precision.warn("bf16", "cuda", "a run")
    assert not capsys.readouterr().err
