"""Models from outside: every way to name them, and one clear line for every file that will not do."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import nn

import harness.compat  # noqa: F401
from harness.errors import HarnessError
from harness.evaluation.evaluate import Method, evaluate_checkpoint
from harness.evaluation.external import ExternalModel, evaluate_external, load_external
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
    return ExternalModel(**{"name": "theirs", "weights": str(path), "network": "small", **changes})


def loaded(path: Path, **changes: Any) -> dict[str, torch.Tensor]:
    return load_external(model(path, **changes), NETWORKS, SCALE).state_dict()


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
        ("both.pth", {"choice": "params_ema"}),
        ("plain.safetensors", {"network": SRRESNET, "arguments": ARGUMENTS}),
    ):
        assert same(loaded(tmp_path / name, **changes), state(1)), name
    assert same(loaded(tmp_path / "both.pth", choice="params"), state(2))


def test_rows(benchmarks: Path, tmp_path: Path) -> None:
    save_file(state(1), tmp_path / "plain.safetensors")
    rows = evaluate_external(model(tmp_path / "plain.safetensors"), NETWORKS, [TINY], benchmarks, SCALE)
    network = build_network(NETWORKS["small"], 1)
    expected = evaluate_checkpoint(network, Method("small", "external:theirs", "external"), [TINY], benchmarks, SCALE)
    pd.testing.assert_frame_equal(rows, expected)
    assert rows["seed"].isna().all()


def test_identity_follows_the_bytes(tmp_path: Path) -> None:
    path, copy = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    save_file(state(1), path)
    copy.write_bytes(path.read_bytes())
    before = model(path).identity()
    assert model(copy).identity() == before
    assert model(path, choice="params").identity() != before
    save_file(state(2), path)
    assert model(path).identity() != before


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
        ("folder.pth", {}, "no such weight file"),
        ("empty.pth", {}, "truncated or corrupt"),
        ("empty.safetensors", {}, "truncated or corrupt"),
        ("garbage.pth", {}, "garbage.pth"),
        ("garbage.safetensors", {}, "truncated or corrupt"),
        ("cut.pth", {}, "truncated or corrupt"),
        ("cut.safetensors", {}, "truncated or corrupt"),
        ("trojan.pth", {}, "refused"),
        ("object.pth", {}, "refused"),
        ("list.pth", {}, "holds a list, not weights by name"),
        ("numbers.pth", {}, "holds no weights by name"),
        ("both.pth", {}, "choose params"),
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
        assert message.startswith("external theirs: "), case
        assert "\n" not in message, case
    assert "pickled code ran" not in capsys.readouterr().out


def test_names_become_parts_of_file_names() -> None:
    for name in ("", "a/b", "../x", "two words"):
        with pytest.raises(ValidationError):
            ExternalModel(name=name, weights="x.pth", network="small")


def test_without_spandrel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(HarnessError, match=r"external theirs: network 'spandrel': not installed; run `pip install"):
        loaded(tmp_path / "x.pth", network="spandrel")


def test_with_spandrel(benchmarks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in with the few names of spandrel that are used."""
    stand_in = ModuleType("spandrel")

    class ImageModelDescriptor:
        def __init__(self, network: nn.Module, channels: int) -> None:
            self.model = network.requires_grad_(False).eval()
            self.input_channels = channels
            self.architecture = SimpleNamespace(name="Tiny")

        def __call__(self, images: torch.Tensor) -> torch.Tensor:
            return self.model(images)

    class ModelLoader:
        def __init__(self, device: str) -> None:
            assert device == "cpu"

        def load_from_file(self, path: Path) -> ImageModelDescriptor:
            if path.stat().st_size == 0:
                raise ValueError("Unsupported\nmodel")
            return ImageModelDescriptor(TinyNetwork(), path.stat().st_size)

    stand_in.__dict__.update(ImageModelDescriptor=ImageModelDescriptor, ModelLoader=ModelLoader)
    monkeypatch.setitem(sys.modules, "spandrel", stand_in)
    for size in (0, 1, 3):
        (tmp_path / f"{size}.pth").write_bytes(b"x" * size)
    rows = evaluate_external(model(tmp_path / "3.pth", network="spandrel"), NETWORKS, [TINY], benchmarks, SCALE)
    expected = evaluate_checkpoint(TinyNetwork(), Method("", "external:theirs", "external"), [TINY], benchmarks, SCALE)
    pd.testing.assert_frame_equal(rows, expected)
    for file, changes, text in (
        ("0.pth", {}, "spandrel cannot load it (ValueError: Unsupported model)"),
        ("1.pth", {}, "does not map one RGB image to another"),
        ("9.pth", {}, "no such weight file"),
        ("3.pth", {"choice": "params"}, "leave them out"),
    ):
        with pytest.raises(HarnessError) as caught:
            loaded(tmp_path / file, network="spandrel", **changes)
        assert text in str(caught.value)
