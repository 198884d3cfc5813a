"""Models from outside: every way to name them, and one clear line for every file that will not do."""

from __future__ import annotations

import importlib.util
import pickle
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import harness.foundation.compat  # noqa: F401
from harness.evaluation.evaluate import Method, evaluate_checkpoint
from harness.evaluation.external import evaluate_external, load_external
from harness.evaluation.external_entry import ExternalEntry, ExternalModel, resolve_external
from harness.foundation.errors import HarnessError
from harness.foundation.files import file_sha256
from harness.networks.build import build_network
from harness.spec import NetworkSpec, SetSpec
from tests.evaluation.conftest import SCALE, TinyNetwork

SRRESNET = "basicsr.archs.srresnet_arch:MSRResNet"
ARGUMENTS = {"num_feat": 8, "num_block": 2, "upscale": 4}
NETWORKS = {"small": NetworkSpec(path=SRRESNET, arguments=ARGUMENTS)}
TINY = SetSpec(dataset="tiny", degradations=("clean",), metrics=("psnr_rgb",))


def state(seed: int) -> dict[str, torch.Tensor]:
    return build_network(NETWORKS["small"], seed).state_dict()


def published(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The key names of the checkpoints released with the papers."""
    renamed = {}
    for name, tensor in weights.items():
        parts = name.split(".")
        if parts[0] == "body":
            parts[:2] = [f"body{int(parts[1]) + 1}", "0"]
        renamed[".".join(parts)] = tensor
    return renamed


def model(path: Path, **changes: Any) -> ExternalModel:
    entry = ExternalEntry(**{"weights": str(path), "network": "small", **changes})
    return resolve_external("theirs", entry, NETWORKS, Path())


def loaded(path: Path, **changes: Any) -> dict[str, torch.Tensor]:
    return load_external(model(path, **changes), SCALE).state_dict()


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_every_way_to_save_and_to_name(tmp_path: Path) -> None:
    save_file(state(1), tmp_path / "plain.safetensors")
    torch.save(state(1), tmp_path / "bare.pth")
    torch.save({"params": published(state(1))}, tmp_path / "published.pth")
    torch.save({"params": state(2), "params_ema": state(1)}, tmp_path / "both.pth")
    for name, changes in (
        ("plain.safetensors", {}),
        ("bare.pth", {}),
        ("published.pth", {}),
        ("both.pth", {"key": "params_ema"}),
        ("plain.safetensors", {"network": SRRESNET, "arguments": ARGUMENTS}),
        ("plain.safetensors", {"sha256": file_sha256(tmp_path / "plain.safetensors")}),
    ):
        assert same(loaded(tmp_path / name, **changes), state(1)), name
    assert same(loaded(tmp_path / "both.pth", key="params"), state(2))


def test_rows(benchmarks: Path, tmp_path: Path) -> None:
    save_file(state(1), tmp_path / "plain.safetensors")
    rows = evaluate_external(model(tmp_path / "plain.safetensors"), [TINY], benchmarks, SCALE)
    network = build_network(NETWORKS["small"], 1)
    expected = evaluate_checkpoint(network, Method("small", "theirs", "external"), [TINY], benchmarks, SCALE)
    pd.testing.assert_frame_equal(rows, expected)
    assert rows["seed"].isna().all()


class Trojan:
    """A pickle that would run code."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("pickled code ran",)


def _bad_files(folder: Path) -> dict[str, tuple[Path, dict[str, Any], str]]:
    """Case to (file, changes of the description, what the line must say)."""
    save_file(state(1), folder / "good.safetensors")
    torch.save({"params": state(1), "params_ema": state(1)}, folder / "both.pth")
    save_file(
        build_network(NetworkSpec(path=SRRESNET, arguments={**ARGUMENTS, "num_feat": 12}), 0).state_dict(),
        folder / "wide.safetensors",
    )
    double = NetworkSpec(path=SRRESNET, arguments={**ARGUMENTS, "upscale": 2})
    save_file(build_network(double, 0).state_dict(), folder / "x2.safetensors")
    for name, content in {
        "empty.pth": b"",
        "empty.safetensors": b"",
        "garbage.pth": b"not a checkpoint",
        "garbage.safetensors": b"not a checkpoint at all",
        "cut.pth": (folder / "both.pth").read_bytes()[:2000],
        "cut.safetensors": (folder / "good.safetensors").read_bytes()[:-100],
        "trojan.pth": pickle.dumps(Trojan()),
    }.items():
        (folder / name).write_bytes(content)
    torch.save(SimpleNamespace(params=1), folder / "object.pth")
    torch.save([1, 2], folder / "list.pth")
    torch.save({"epoch": 3}, folder / "numbers.pth")
    (folder / "folder.pth").mkdir()
    x2 = {"network": SRRESNET, "arguments": dict(double.arguments)}
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("absent.pth", {}, "no such weight file"),
        ("folder.pth", {}, "a folder; name the file in it"),
        ("good.safetensors", {"sha256": "0" * 64}, f"not {'0' * 64}: another or a damaged file"),
        ("empty.pth", {}, "truncated or corrupt"),
        ("empty.safetensors", {}, "truncated or corrupt"),
        ("garbage.pth", {}, "garbage.pth"),
        ("garbage.safetensors", {}, "truncated or corrupt"),
        ("cut.pth", {}, "truncated or corrupt"),
        ("cut.safetensors", {}, "truncated or corrupt"),
        ("trojan.pth", {}, "refused"),
        ("object.pth", {}, "holds an object of a training, not weights by name"),
        ("list.pth", {}, "holds a list, not weights by name"),
        ("numbers.pth", {}, "holds no weights by name"),
        ("both.pth", {}, "choose by key: params (raw) or params_ema (averaged)"),
        ("both.pth", {"key": "parms"}, "holds no 'parms'; it holds: params, params_ema"),
        ("good.safetensors", {"key": "params"}, "holds one set of weights, without a key; leave out key 'params'"),
        ("wide.safetensors", {}, "conv_first.weight (12, 3, 3, 3) instead of (8, 3, 3, 3)"),
        ("x2.safetensors", {}, "lacks upconv2"),
        ("x2.safetensors", x2, "maps 3x16x16 to 3x32x32, but the scale is 4"),
        ("good.safetensors", {"network": "smal"}, "network 'smal': unknown; allowed: small, spandrel"),
        ("good.safetensors", {"arguments": {"num_feat": 9}}, "name an import path to give others"),
        ("good.safetensors", {"network": "no.such:Module"}, "cannot be imported"),
        ("good.safetensors", {"network": "basicsr.archs.srresnet_arch:Nothing"}, "no network class 'Nothing'"),
        ("good.safetensors", {"network": SRRESNET, "arguments": {"features": 1}}, "features"),
    ]
    return {f"{file} {changes}": (folder / file, changes, text) for file, changes, text in cases}


def test_bad_files_are_told_in_one_line_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = _bad_files(tmp_path)
    for case, (path, changes, text) in cases.items():
        with pytest.raises(HarnessError) as caught:
            loaded(path, **changes)
        message = str(caught.value)
        assert text in message, case
        described = any(word in message for word in ("catalogue", "unknown; allowed"))  # before a file is looked at
        assert message.startswith("external theirs: ") != described, case
        assert "\n" not in message, case
    assert "pickled code ran" not in capsys.readouterr().out


def test_without_spandrel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    (tmp_path / "x.pth").write_bytes(b"x")
    with pytest.raises(HarnessError, match=r"^external theirs: network 'spandrel': not installed; run `pip install"):
        loaded(tmp_path / "x.pth", network="spandrel")


class Descriptor:
    """What spandrel returns, as far as it is used."""

    def __init__(self, network: nn.Module, channels: int) -> None:
        self.model = network.requires_grad_(False).eval()
        self.input_channels = channels
        self.architecture = SimpleNamespace(name="Tiny")

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        return self.model(images)


class UnsupportedModelError(Exception):
    """What spandrel raises, without a word, where it knows no such architecture."""


class Loader:
    """Recognizes TinyNetwork."""

    def __init__(self, device: str) -> None:
        assert device == "cpu"

    def load_from_state_dict(self, weights: dict[str, torch.Tensor]) -> Descriptor:
        if "nothing" in weights:
            raise UnsupportedModelError
        if "conv.weight" not in weights:
            raise ValueError("Unsupported\nmodel")
        network = TinyNetwork()
        network.load_state_dict({name: weights[name] for name in network.state_dict()})
        return Descriptor(network, 1 if "gray" in weights else 3)


def test_with_spandrel(benchmarks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in with the few names of spandrel that are used."""
    stand_in = ModuleType("spandrel")
    stand_in.__spec__ = ModuleSpec("spandrel", None)
    stand_in.__dict__.update(
        ImageModelDescriptor=Descriptor, ModelLoader=Loader, canonicalize_state_dict=lambda weights: weights
    )
    monkeypatch.setitem(sys.modules, "spandrel", stand_in)
    tiny = TinyNetwork().state_dict()
    torch.save({"params": {"other": torch.zeros(1)}, "params_ema": tiny}, tmp_path / "both.pth")
    torch.save({**tiny, "gray": torch.zeros(1)}, tmp_path / "gray.pth")
    torch.save({"nothing": torch.zeros(1)}, tmp_path / "nothing.pth")
    torch.save({**tiny, "conv.weight": tiny["conv.weight"].int()}, tmp_path / "int.pth")
    external = model(tmp_path / "both.pth", network="spandrel", key="params_ema")
    rows = evaluate_external(external, [TINY], benchmarks, SCALE)
    expected = evaluate_checkpoint(TinyNetwork(), Method("", "theirs", "external"), [TINY], benchmarks, SCALE)
    pd.testing.assert_frame_equal(rows, expected)
    for file, changes, text in (
        ("both.pth", {}, "choose by key: params (raw) or params_ema (averaged)"),
        ("both.pth", {"key": "params"}, "spandrel cannot load it (ValueError: Unsupported model); name the network"),
        ("nothing.pth", {}, "spandrel cannot load it (it knows no architecture with such weights); name the network"),
        ("int.pth", {}, "conv.weight holds int32 where the network has float32"),
        ("gray.pth", {}, "a Tiny model that does not map one RGB image to another"),
        ("absent.pth", {}, "no such weight file"),
        ("both.pth", {"arguments": {"scale": 4}}, "spandrel finds them in the weights; leave them out"),
    ):
        with pytest.raises(HarnessError) as caught:
            loaded(tmp_path / file, network="spandrel", **changes)
        assert text in str(caught.value)
