"""The whole benchmark at toy size, CPU path and, without a GPU, the GPU path."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmarks import on_cuda
from benchmarks.__main__ import main


@pytest.mark.slow
def test_cpu_benchmark_writes_its_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--small", "--threads", "1", "--output", str(tmp_path)])
    result = json.loads((tmp_path / "cpu.json").read_text())
    for key in (
        "degradation",
        "step_fp32_baseline",
        "second_arm_fp32_baseline",
        "step_fp32_adaptive_dropout",
        "step_bf16_baseline",
        "step_bf16_adaptive_dropout",
        "network_fp32_simple_align",
    ):
        assert result[key] > 0
    assert result["conditions"]["small"] is True
    printed = capsys.readouterr().out
    assert re.search(
        r"^fp32_adaptive_dropout +[\d.]+s +[\d.]+s +[\d.]+x +[\d.]+x +[\d.]+x +[\d.]+x$", printed, re.MULTILINE
    )


def test_gpu_is_asked_for_where_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(SystemExit):
        main(["--device", "cuda"])
    assert "torch sees no GPU" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.thorough
def test_gpu_path_without_a_gpu() -> None:
    result = on_cuda.measure(workers=0, small=True, device="cpu")
    assert result["step_bf16_adaptive_dropout"] > 0
    assert set(result["slowdown"]) == {f"{p}_{v}" for p in ("fp32", "bf16") for v in on_cuda.VARIANTS[1:]}
    assert len(list(on_cuda.table(result))) > 30
