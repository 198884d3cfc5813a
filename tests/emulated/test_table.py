"""The table of the page is that of the counts; the model is what it says."""

from __future__ import annotations

import pytest
import torch

from tests.emulated import model
from tools import emulated_table


def test_the_page_shows_the_counts_of_the_suite() -> None:
    text = emulated_table.PAGE.read_text(encoding="utf-8")
    assert text == emulated_table.page(text), "python -m tools.emulated_table"
    assert text.count("<!-- generated: model_") == 2


def test_an_operation_takes_the_longer_of_traffic_and_arithmetic_and_its_launches() -> None:
    assert model.seconds(3_350_000_000, 0, 1, 48e12) == pytest.approx(1e-3 + 2e-6)
    assert model.seconds(3_350_000, 48_000_000_000, 3, 48e12) == pytest.approx(1e-3 + 6e-6)


def test_only_convolutions_are_faster_in_tf32() -> None:
    convolution, product = torch.ops.aten.convolution.default, torch.ops.aten.mm.default
    assert model.rate(convolution, torch.float32, "tf32") == model.RATES["tf32"]
    assert model.rate(product, torch.float32, "tf32") == model.RATES["fp32"]
    assert model.rate(product, torch.bfloat16, "fp32") == model.RATES["bf16"]
    assert model.kernels(torch.ops.aten.convolution_backward.default, (), 3) == 3
    tensors = [torch.ones(1)] * 74
    assert model.kernels(torch.ops.aten._foreach_copy_.default, (tensors, tensors), 0) == 2
