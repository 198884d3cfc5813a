"""Roles of attention: which tensors they are, how rows are images, and the page's regularizer that acts there."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.foundation.errors import HarnessError
from harness.foundation.rng import numpy_stream
from harness.networks.build import build_network
from harness.networks.taps import Taps
from harness.regularizers import roles
from harness.training.step import Learner
from tests.regularizers.helpers import NETWORKS, SEED, Attached
from tests.regularizers.test_conformance_command import call
from tests.training.conftest import packs, tiny_spec
from tests.training.test_zoo import differing, go_on
from tests.tutorial import blocks

__all__ = ["packs"]
WINDOW, SIDE, CHANNELS, HEADS = 8, 16, 12, 2  # of swinir_small
BLOCK = "layers.0.residual_group.blocks.{}"
HIDE = "hide:Hide"


@pytest.fixture(autouse=True)
def hide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The module of the page, to be imported."""
    (page,) = (block for block in blocks("regularizer-reference.md", "One of each kind") if "hide.py" in block.title)
    (tmp_path / "hide.py").write_text(page.text)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield
    sys.modules.pop("hide", None)


def images(count: int) -> Tensor:
    return torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


def cut_up(tokens: Tensor, shift: int) -> Tensor:
    """Return (windows of all images, tokens, C) of (N, SIDE * SIDE, C), image by image, window by window."""
    windows = []
    for image in tokens:
        pixels = image.reshape(SIDE, SIDE, CHANNELS)
        for top in range(0, SIDE, WINDOW):
            for left in range(0, SIDE, WINDOW):
                rows = [(top + row + shift) % SIDE for row in range(WINDOW)]
                columns = [(left + column + shift) % SIDE for column in range(WINDOW)]
                windows.append(torch.stack([pixels[row, column] for row in rows for column in columns]))
    return torch.stack(windows)


@pytest.mark.parametrize(("place", "shift"), [(0, 0), (1, WINDOW // 2)])
def test_windows_of_one_image_are_consecutive(place: int, shift: int) -> None:
    spec = NETWORKS["swinir_small"]
    network = build_network(spec, SEED)
    taps = Taps(network, {**spec.taps, "normed": (BLOCK.format(place) + ".norm1:output",)})
    entering, normed = taps.capture("attention_tokens"), taps.capture("normed")
    network(images(2))
    assert entering.tensors[place].shape == (2 * (SIDE // WINDOW) ** 2, WINDOW**2, CHANNELS)
    assert torch.equal(entering.tensors[place], cut_up(normed.tensor, shift))


def test_logits_are_what_enters_the_softmax() -> None:
    spec = NETWORKS["swinir_small"]
    network = build_network(spec, SEED)
    taps = Taps(network, spec.taps)
    entering, logits = taps.capture("attention_tokens"), taps.capture("attention_logits")
    network(images(2))
    attention = network.get_submodule(BLOCK.format(0) + ".attn")
    tokens = entering.tensors[0]
    query, key, _ = attention.qkv(tokens).reshape(*tokens.shape[:2], 3, HEADS, -1).permute(2, 0, 3, 1, 4)
    bias = attention.relative_position_bias_table[attention.relative_position_index].permute(2, 0, 1)
    expected = query @ key.transpose(-2, -1) * (CHANNELS / HEADS) ** -0.5 + bias
    assert logits.tensors[0].shape == (8, HEADS, WINDOW**2, WINDOW**2)
    torch.testing.assert_close(logits.tensors[0], expected, atol=1e-6, rtol=1e-5)
    assert logits.tensors[1].min() < -99 < logits.tensors[0].min()  # SwinIR's mask of shifted windows
    assert taps.channels("attention_tokens") == (CHANNELS,) * 4
    assert taps.channels("attention_logits") == (HEADS,) * 4


@pytest.mark.parametrize("name", ["swinir_small", "swinir_x1_small", "swinir_masked_tiny"])
def test_both_roles_list_the_same_attentions(name: str) -> None:
    taps = Taps(build_network(NETWORKS[name], SEED), NETWORKS[name].taps)
    tokens, logits = ([point.path for point in taps.points(f"attention_{kind}")] for kind in ("tokens", "logits"))
    attentions = [f"layers.{layer}.residual_group.blocks.{block}.attn" for layer in (0, 1) for block in (0, 1)]
    assert tokens == [f"{one}.qkv" for one in attentions]
    assert logits == [f"{one}.softmax" for one in attentions]


def test_every_network_with_attention_shows_it_and_no_other() -> None:
    shown = {name for name, entry in NETWORKS.items() if "attention_tokens" in entry.taps}
    assert shown == {name for name in NETWORKS if name.startswith("swinir")}
    assert shown == {name for name, entry in NETWORKS.items() if "attention_logits" in entry.taps}


def test_hidden_tokens_are_those_drawn_for_their_image() -> None:
    attached = Attached(HIDE, "swinir_small", rows=(3, 5), rate=0.6)
    attached.at(4)
    plain = Attached("baseline", "swinir_small").at_taps("attention_tokens", images(2))[0]
    drawn = [numpy_stream(SEED, "hide/0", 4, 0, row).random((4, WINDOW**2), dtype=np.float32) for row in (3, 5)]
    kept = torch.tensor(np.concatenate(drawn) >= 0.6).unsqueeze(-1)
    assert torch.equal(attached.at_taps("attention_tokens", images(2))[0], plain * kept)


def test_it_trains_and_resumes_exactly(packs: Path) -> None:
    spec = tiny_spec(HIDE, iterations=12, patch=64, crop=64)
    network = NETWORKS["swinir_small"].network
    spec = spec.model_copy(update={"network": network.showing(roles(spec.regularizer))})
    assert set(spec.network.taps) == {"attention_tokens"}
    whole = go_on(Learner(spec, "cpu"), packs, 1, 4)
    resumed = Learner(spec, "cpu")
    resumed.restore({key: tensor.clone() for key, tensor in go_on(Learner(spec, "cpu"), packs, 1, 2).tensors().items()})
    assert differing(whole, go_on(resumed, packs, 3, 4)) == []
    baseline = tiny_spec(iterations=12, patch=64, crop=64).model_copy(update={"network": network.showing(())})
    assert differing(whole, go_on(Learner(baseline, "cpu"), packs, 1, 4))


def test_a_network_without_attention_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(HarnessError, match=r"^taps: MSRResNet: no role 'attention_tokens' here, but: [^\n]*$"):
        Attached(HIDE)
    status, text = call(capsys, HIDE, "--network", "srresnet_small")
    assert status == 2
    (line,) = text.splitlines()
    has = "last, blocks, features, first, block_outputs, branches"
    assert line.endswith(
        f"Hide on srresnet_small: no role 'attention_tokens' there, but: {has}; choose a network that has it"
    )


@pytest.mark.slow
@pytest.mark.thorough
def test_conformance_leaves_out_networks_without_attention_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    limits = "compilation not checked; not on srresnet_small, rrdb_small, without its roles"
    expected = f"{HIDE}: conforms on swinir_small; {limits}\n"
    assert call(capsys, HIDE) == (0, expected)
