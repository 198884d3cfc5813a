"""Weight files: whole or refused, without running anyone's code."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness.foundation.errors import HarnessError
from harness.foundation.files import file_sha256
from harness.networks.build import build_network
from harness.networks.names import published_names
from harness.networks.weights import load_into, load_weights, read_metadata, save_weights
from harness.spec import NetworkSpec


@pytest.fixture
def network(networks: dict[str, NetworkSpec]) -> nn.Module:
    return build_network(networks["srresnet_small"], 3)


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return set(one) == set(other) and all(torch.equal(one[name], other[name]) for name in one)


def refusal(path: Path, key: str | None = None) -> str:
    with pytest.raises(HarnessError) as caught:
        load_weights(path, key)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message


def test_round_trip(tmp_path: Path, network: nn.Module, networks: dict[str, NetworkSpec]) -> None:
    path = tmp_path / "deep" / "weights.safetensors"
    save_weights(path, network.state_dict(), {"spec_hash": "abc", "scale": 4})
    assert equal(load_weights(path), network.state_dict())
    assert read_metadata(path) == {"spec_hash": "abc", "scale": 4}
    other = build_network(networks["srresnet_small"], 4)
    load_into(other, load_weights(path), path)
    assert equal(other.state_dict(), network.state_dict())


def test_equal_weights_give_equal_bytes(tmp_path: Path, network: nn.Module) -> None:
    weights = network.state_dict()
    channels_last = {k: v.to(memory_format=torch.channels_last) if v.dim() == 4 else v for k, v in weights.items()}
    save_weights(tmp_path / "a.safetensors", weights, {"a": 1, "b": [2], "c": "x"})
    save_weights(tmp_path / "b.safetensors", dict(reversed(channels_last.items())), {"c": "x", "b": [2], "a": 1})
    assert file_sha256(tmp_path / "a.safetensors") == file_sha256(tmp_path / "b.safetensors")


def test_shared_storage_is_saved_twice(tmp_path: Path) -> None:
    tensor = torch.rand(3)
    save_weights(tmp_path / "a.safetensors", {"a": tensor, "b": tensor}, {})
    assert equal(load_weights(tmp_path / "a.safetensors"), {"a": tensor, "b": tensor})


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99])
def test_truncated_files(tmp_path: Path, network: nn.Module, suffix: str, part: float) -> None:
    whole = tmp_path / f"whole{suffix}"
    if suffix == ".pth":
        torch.save(network.state_dict(), whole)
    else:
        save_weights(whole, network.state_dict(), {})
    content = whole.read_bytes()
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(content[: int(len(content) * part)])
    message = refusal(path)
    assert "truncated or corrupt" in message
    assert f"({path.stat().st_size} bytes" in message
    if suffix == ".safetensors":
        with pytest.raises(HarnessError, match="truncated or corrupt"):
            read_metadata(path)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".bin"])
def test_garbage(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"garbage{suffix}"
    path.write_bytes(bytes(range(256)) * 40)
    assert "corrupt" in refusal(path)


def test_missing_file(tmp_path: Path) -> None:
    assert "no such weight file" in refusal(tmp_path / "none.safetensors")
    with pytest.raises(HarnessError, match="no such weight file"):
        read_metadata(tmp_path / "none.safetensors")


class Evil:
    """Would write a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.write_text, (self.path, "ran"))


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_code_in_a_pickle_does_not_run(tmp_path: Path, how: str) -> None:
    path, trace = tmp_path / "evil.pth", tmp_path / "trace"
    if how == "torch":
        torch.save({"params": Evil(trace)}, path)
    else:
        path.write_bytes(pickle.dumps({"params": Evil(trace)}))
    message = refusal(path)
    assert "refused: this pickle" in message
    assert "wants to run code" in message or how == "pickle"
    assert "weights_only" not in message
    assert not trace.exists()


def test_two_sets_need_a_choice(tmp_path: Path, network: nn.Module) -> None:
    raw = network.state_dict()
    averaged = {name: tensor * 2 for name, tensor in raw.items()}
    path = tmp_path / "both.pth"
    torch.save({"params": raw, "params_ema": averaged}, path)
    assert "holds 2 sets of weights; choose by key: params (raw) or params_ema (averaged)" in refusal(path)
    assert equal(load_weights(path, "params"), raw)
    assert equal(load_weights(path, "params_ema"), averaged)
    torch.save({"params_ema": averaged}, path)
    assert equal(load_weights(path), averaged)
    assert "holds no 'params'; it holds: params_ema" in refusal(path, "params")
    torch.save(raw, path)
    assert "holds one set of weights, without a key; leave out key 'params'" in refusal(path, "params")


def test_sets_under_other_names(tmp_path: Path, network: nn.Module) -> None:
    raw, path = network.state_dict(), tmp_path / "other.pth"
    torch.save({"epoch": 3, "optimizer": {"state": {}, "param_groups": []}, "state_dict": raw}, path)
    assert equal(load_weights(path), raw)
    torch.save({"g": raw, "d": {"weight": torch.zeros(1)}}, path)
    assert "choose by key: g or d" in refusal(path)
    assert equal(load_weights(path, "g"), raw)


def test_things_that_are_not_weights(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save([1, 2], path)
    assert "holds a list" in refusal(path)
    torch.save({"epoch": 3, "iter": 4}, path)
    assert "holds no weights by name; its entries: epoch, iter" in refusal(path)


def test_published_names_of_the_body(tmp_path: Path, network: nn.Module) -> None:
    weights = network.state_dict()
    published = {}
    for name, tensor in weights.items():
        parts = name.split(".")
        new = ".".join([f"body{int(parts[1]) + 1}", "0", *parts[2:]]) if parts[0] == "body" else name
        published[f"module.{new}"] = tensor
    assert "module.body4.0.conv2.weight" in published
    assert equal(published_names(published), weights)
    path = tmp_path / "published.pth"
    torch.save({"params": published}, path)
    load_into(network, load_weights(path), path)


class OwnNames(nn.Module):
    """A network whose own names look like the published ones."""

    def __init__(self) -> None:
        super().__init__()
        self.body1 = nn.Sequential(nn.Conv2d(3, 3, 1))


def test_a_network_with_such_names_of_its_own_keeps_them(tmp_path: Path) -> None:
    network, other = OwnNames(), OwnNames()
    path = tmp_path / "own.pth"
    torch.save({"params": {f"module.{name}": tensor for name, tensor in network.state_dict().items()}}, path)
    load_into(other, load_weights(path), path)
    assert equal(other.state_dict(), network.state_dict())


def test_names_of_rrdb_and_own_networks_stay(networks: dict[str, NetworkSpec]) -> None:
    weights = build_network(networks["rrdb_small"], 0).state_dict()
    assert list(published_names(weights)) == list(weights)


def test_another_architecture_says_what_differs(network: nn.Module, networks: dict[str, NetworkSpec]) -> None:
    arguments = networks["srresnet_small"].arguments | {"num_feat": 8, "num_block": 5}
    other = build_network(networks["srresnet_small"].model_copy(update={"arguments": arguments}), 0)
    with pytest.raises(HarnessError) as caught:
        load_into(network, other.state_dict(), "w.pth")
    message = str(caught.value)
    assert message.startswith("w.pth: not weights of this MSRResNet: ")
    assert "has unknown body.4.conv1.weight" in message
    assert "conv_first.weight (8, 3, 3, 3) instead of (24, 3, 3, 3)" in message
    assert "more" in message
    assert "\n" not in message
    with pytest.raises(HarnessError, match=r"lacks body\.4\.conv1\.weight"):
        load_into(other, network.state_dict(), "w.pth")
