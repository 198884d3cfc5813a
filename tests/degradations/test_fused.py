"""The kernels of a GPU's degradation: equal bits of both forms, and the CPU's formulas."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from harness.degradations import fused, second_order, upload, usm
from harness.degradations.banded import apply_bands
from harness.degradations.parameters import Stage
from harness.degradations.second_order import Plan
from harness.degradations.spec import SecondOrderSpec
from harness.foundation import philox
from harness.foundation.quantiles import KINDS
from harness.foundation.rng import Draws, Kind
from tests.conftest import ROOT

COUNT = 8

INTERPRETED = """
import torch
from harness.degradations import fused, fused_triton
from harness.foundation import philox

generator = torch.Generator().manual_seed(0)
for height, width in ((5, 7), (33, 41)):  # a ragged end, more than one block
    images = torch.rand(6, 3, height, width, generator=generator).mul(64).round().div(63) - 0.01
    keys = torch.from_numpy(philox.words_of([3, 2**128 - 1, 5 << 100, 7, 11, 13]))
    gaussian, gray = torch.tensor([1.0, 0, 1, 0, 0, 1]), torch.tensor([1.0, 1, 0, 0, 1, 0])
    strength = torch.tensor([7.0, 0.3, 30, 2.9, 1, 1])
    made = torch.empty_like(images)
    fused_triton.add_noise(images, made, keys, gaussian, gray, strength)
    assert torch.equal(made, fused.noise_by_torch(images, keys, gaussian, gray, strength))
    blurred, mask = (torch.rand(images.shape, generator=generator) for _ in "ab")
    fused_triton.edges(images, blurred, made, 10.0)
    assert torch.equal(made, fused.edges_by_torch(images, blurred, 10.0))
    assert 0 < made.mean() < 1
    fused_triton.sharpened(images, blurred, mask, made, 0.3)
    assert torch.equal(made, fused.sharpened_by_torch(images, blurred, mask, 0.3))
"""

COMPILED = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from harness.degradations import fused_triton as fused

flags = {"gaussian": "*fp32", "gray": "*fp32"}
ends = {"count": "i32", "block": "constexpr"}
planes = {"plane": "i32", "block": "constexpr"}
tables = {"present": "*i32", "alias": "*i32", "table": "*i32"}
image = {"images": "*fp32"}
for kernel, signature in (
    (fused._edges, image | {"blurred": "*fp32", "out": "*fp32", "threshold": "fp32"} | ends),
    (fused._sharpened, image | {"blurred": "*fp32", "mask": "*fp32", "out": "*fp32", "weight": "fp32"} | ends),
    (fused._present, image | flags | {"present": "*i32"} | planes),
    (fused._noise, image | {"out": "*fp32", "keys": "*i64"} | flags | {"strength": "*fp32"} | tables | planes),
):
    source = ASTSource(kernel, signature, {(kernel.arg_names.index("block"),): fused._BLOCK})
    for capability in (80, 90):
        made = triton.compile(source, GPUTarget("cuda", capability, 32), {"enable_fp_fusion": False})
        assert len(made.asm["cubin"]) > 1000
        assert "fma.rn.f32" not in made.asm["ptx"], "a product and a sum are rounded as one"
"""


@pytest.mark.slow
@pytest.mark.parametrize(("script", "interpret"), [(INTERPRETED, "1"), (COMPILED, "0")], ids=["equal bits", "compiles"])
def test_the_kernels_have_equal_bits_and_compile_for_gpus(script: str, interpret: str) -> None:
    if importlib.util.find_spec("triton") is None:
        pytest.skip("no Triton, which comes with torch's CUDA builds; it interprets and compiles without a GPU")
    environment = os.environ | {"TRITON_INTERPRET": interpret, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def images() -> Tensor:
    return torch.rand(COUNT, 3, 48, 40, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("gray_pattern", ["image", "batch"])
def test_noise_is_the_formulas_of_the_cpu_on_the_numbers_of_the_gpu(
    gray_pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(draws: Draws, stream: str, out: Tensor, kind: Kind, rows: Sequence[int | None] | None = None) -> Tensor:
        keys = draws.keys(stream, draws.rows if rows is None else rows)
        philox.by_torch(out, torch.from_numpy(philox.words_of(keys)), KINDS[kind])
        return out

    monkeypatch.setattr(Draws, "fill", fill)
    seen = set()
    for iteration in range(3):
        draws = Draws(0, iteration, 0, range(COUNT))
        plan = Plan.draw(SecondOrderSpec(gray_pattern=gray_pattern), draws)  # type: ignore[arg-type]
        packed = upload.packed(plan.parameters, draws).to(torch.device("cpu"))
        for number, stage in (("1", plan.parameters.first), ("2", plan.parameters.second)):
            seen |= set(zip(stage.gaussian.tolist(), stage.gray.tolist(), strict=True))
            alone = second_order._add_noise(images(), stage, number, upload.upload(plan.parameters), draws)
            together = second_order._add_noise(images(), stage, number, packed, draws)
            difference = (together - alone).abs()
            assert (difference > 1e-6).float().mean() < 1e-3  # a luma on the edge between two levels
            assert (alone != images()).float().mean() > 0.5
    assert seen == {(True, True), (True, False), (False, True), (False, False)}


def test_packed_parameters_are_those_of_the_host() -> None:
    draws = Draws(0, 1, 0, range(COUNT))
    parameters = Plan.draw(SecondOrderSpec(), draws).parameters
    sent = upload.packed(parameters, draws).to(torch.device("cpu"))
    for name, values in upload.upload(parameters).items():
        assert torch.equal(sent[name], values), name
    for number, stage in (("1", parameters.first), ("2", parameters.second)):
        words = torch.from_numpy(philox.words_of(draws.keys(f"degradation/noise{number}", draws.rows)))
        assert torch.equal(sent[f"keys{number}"].view(torch.int64), words)
        assert sent[f"normal{number}"].tolist() == stage.gaussian.tolist()


def test_an_image_has_its_noise_in_any_batch() -> None:
    draws = Draws(0, 2, 0, range(COUNT))
    parameters = Plan.draw(SecondOrderSpec(), draws).parameters
    stage: Stage = parameters.first
    every = second_order._add_noise(
        images(), stage, "1", upload.packed(parameters, draws).to(torch.device("cpu")), draws
    )
    part = slice(3, 5)
    few = replace(draws, rows=draws.rows[part])
    sent = upload.packed(parameters.select(part), few).to(torch.device("cpu"))
    assert torch.equal(second_order._add_noise(images()[part], stage, "1", sent, few), every[part])


def test_the_unsharp_mask_has_the_bits_of_the_cpu() -> None:
    photographs = images()
    bands = [usm._gaussian_band(length, photographs.device) for length in photographs.shape[-2:]]
    blurred = apply_bands(photographs, *bands)
    soft = apply_bands(fused.edges(photographs, blurred, 10.0), *bands)
    assert torch.equal(fused.sharpened(photographs, blurred, soft, 0.5), usm.sharpen(photographs))


@pytest.mark.gpu
def test_a_gpu_has_the_bits_of_the_cpu() -> None:
    draws = Draws(0, 2, 0, range(COUNT))
    sent = upload.packed(Plan.draw(SecondOrderSpec(), draws).parameters, draws).to(torch.device("cpu"))
    keys = sent["keys1"].view(torch.int64)
    given = (images(), keys, *(sent[f"{name}1"].flatten() for name in ("normal", "gray", "strength")))
    on_gpu = fused.add_noise(*(tensor.cuda() for tensor in given))
    assert torch.equal(on_gpu.cpu(), fused.noise_by_torch(*given))
    blurred = images().flip(0)
    assert torch.equal(fused.edges(images().cuda(), blurred.cuda(), 10.0).cpu(), fused.edges(images(), blurred, 10.0))
    mask = images().flip(1)
    on_gpu = fused.sharpened(images().cuda(), blurred.cuda(), mask.cuda(), 0.5)
    assert torch.equal(on_gpu.cpu(), fused.sharpened(images(), blurred, mask, 0.5))
