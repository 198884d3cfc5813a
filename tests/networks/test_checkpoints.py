"""Checkpoints of others: whatever a training left in them, and whatever else lies under such a name."""

from __future__ import annotations

import argparse
import collections
import pathlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from harness.foundation.errors import HarnessError
from harness.networks.weights import load_into, load_weights


class Net(nn.Module):
    """Two layers, one with a counter."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)


def state(seed: int = 0) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    return dict(Net().state_dict())


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def loaded(path: Path, content: Any, key: str | None = None, **how: Any) -> dict[str, Tensor]:
    """Save, read, and put into a network: what a model from outside goes through."""
    torch.save(content, path, **how)
    network = Net()
    load_into(network, load_weights(path, key), path)
    return dict(network.state_dict())


def refusal(path: Path, content: Any, key: str | None = None) -> str:
    with pytest.raises(HarnessError) as caught:
        loaded(path, content, key)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_what_a_training_leaves_beside_the_weights(tmp_path: Path, legacy: bool) -> None:
    optimizer = torch.optim.Adam(Net().parameters())
    content = {
        "epoch": 5,
        "args": argparse.Namespace(lr=1e-4, out=pathlib.PurePosixPath("a/b")),
        "best": np.float64(31.5),
        "best32": np.float32(31.5),
        "folder": pathlib.Path("runs/7"),
        "curve": np.arange(3),
        "log": collections.defaultdict(list, {"l1": [0.5]}),
        "rng": torch.get_rng_state(),
        "step": torch.tensor(7),
        "optimizer": optimizer.state_dict() | {"state": {0: {"exp_avg": torch.zeros(4)}}},
        "state_dict": state(),
    }
    assert equal(loaded(tmp_path / "a.pth", content, _use_new_zipfile_serialization=not legacy), state())
    assert equal(loaded(tmp_path / "b.pth", state() | {"epoch": 5, "name": "x", "seed": None}), state())


def test_objects_beside_the_weights_are_not_made(tmp_path: Path) -> None:
    from harness.networks.checkpoints import read_file

    torch.save({"args": argparse.Namespace(lr=1), "score": np.float64(1)}, tmp_path / "a.pth")
    content = read_file(tmp_path / "a.pth")
    assert not isinstance(content["args"], argparse.Namespace)
    assert vars(content["args"]) == {}
    assert not isinstance(content["score"], np.generic)


def test_safetensors_under_another_name_and_the_other_way_round(tmp_path: Path) -> None:
    save_file(state(), tmp_path / "a.pth")
    assert equal(load_weights(tmp_path / "a.pth"), state())
    torch.save({"params": state()}, tmp_path / "b.safetensors")
    assert equal(load_weights(tmp_path / "b.safetensors"), state())


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "model.", "net_g.", "generator.", "model._orig_mod.", "module.net_g.module."]
)
def test_prefixes(tmp_path: Path, prefix: str, caplog: pytest.LogCaptureFixture) -> None:
    named = {f"{prefix}{name}": tensor for name, tensor in state().items()}
    path = tmp_path / "a.pth"
    assert equal(loaded(path, named), state())
    assert not caplog.records
    counted = {**named, "total_ops": torch.zeros(1), f"{prefix}conv.total_params": torch.zeros(1)}
    assert equal(loaded(path, counted), state())
    assert f"note: {path}: left out, as no weights of this network: total_ops, {prefix}conv.total_params" in caplog.text
    assert equal(loaded(path, state() | {"conv.total_ops": torch.zeros(1)}), state())


def test_a_compiled_part(tmp_path: Path) -> None:
    named = {name.replace("conv.", "conv._orig_mod."): tensor for name, tensor in state().items()}
    assert equal(loaded(tmp_path / "a.pth", named), state())


def test_a_gan_in_one_dictionary(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.ckpt"
    both = {f"net_g.{name}": tensor for name, tensor in state().items()} | {"net_d.weight": torch.zeros(3)}
    assert equal(loaded(path, {"state_dict": both}), state())
    assert "left out, as no weights of this network: net_d.weight" in caplog.text
    averaged = {f"net_g_ema.{name}": tensor for name, tensor in state(1).items()}
    message = refusal(path, {"state_dict": both | averaged})
    assert "holds this network's names 2 times; choose by key: net_g or net_g_ema" in message
    assert equal(loaded(path, {"state_dict": both | averaged}, "net_g_ema"), state(1))
    assert equal(loaded(path, {"state_dict": both | averaged}, "state_dict.net_g"), state())


def test_names_that_do_not_fit_are_told_without_the_prefix(tmp_path: Path) -> None:
    few = {f"module.{name}": tensor for name, tensor in state().items() if name != "conv.bias"}
    message = refusal(tmp_path / "a.pth", few)
    assert message.endswith("not weights of this Net: lacks conv.bias")


def test_dictionaries_in_dictionaries(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    assert equal(loaded(path, {"model": {"state_dict": state(), "epoch": 3}}), state())
    both = {"model": {"state_dict": state(), "ema": {"shadow": state(1)}}}
    assert equal(loaded(path, both, "model.ema.shadow"), state(1))
    assert "choose by key: model.state_dict or model.ema.shadow" in refusal(path, both)
    assert "holds no 'model'; it holds: model.state_dict, model.ema.shadow" in refusal(path, both, "model")
    beside = state() | {"ema": state(1)}
    assert "choose by key: . or ema" in refusal(path, beside)
    assert equal(loaded(path, beside, "."), state())
    assert "holds no weights by name; its entries: 7" in refusal(path, {7: {"a": state()}})


def test_numbers_in_place_of_names(tmp_path: Path) -> None:
    message = refusal(tmp_path / "a.pth", dict(enumerate(state().values())))
    assert "holds tensors under numbers, not names: 0, 1, 2, 3 and 3 more; save the network's state_dict()" in message


def _with(tensor: Tensor) -> dict[str, Tensor]:
    return state() | {"conv.weight": tensor}


WEIGHT = torch.zeros(4, 3, 3, 3)


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        (WEIGHT.to(torch.int32), "conv.weight holds int32 where the network has float32: quantized or other weights"),
        (WEIGHT.to(torch.int8), "conv.weight holds int8 where the network has float32"),
        (WEIGHT.bool(), "conv.weight holds bool where the network has float32"),
        (WEIGHT.to(torch.complex64), "conv.weight holds complex64 where the network has float32"),
        (WEIGHT.to(torch.float8_e4m3fn), "conv.weight: quantized (float8_e4m3fn); get the weights in floating point"),
        (WEIGHT.to("meta"), "conv.weight: on the meta device, without values; save the weights after"),
        (WEIGHT.to_sparse(), "conv.weight: a sparse tensor; save tensor.to_dense()"),
    ],
    ids=["int32", "int8", "bool", "complex", "float8", "meta", "sparse"],
)
def test_tensors_that_no_network_can_take(tmp_path: Path, tensor: Tensor, expected: str) -> None:
    assert expected in refusal(tmp_path / "a.pth", _with(tensor))


def test_numbers_that_are_converted(tmp_path: Path) -> None:
    half = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in state().items()}
    assert torch.equal(loaded(tmp_path / "a.pth", half)["conv.weight"], state()["conv.weight"].half().float())
    counter = {"norm.num_batches_tracked": torch.tensor(3.0)}  # an average of two states
    assert loaded(tmp_path / "a.pth", state() | counter)["norm.num_batches_tracked"] == 3
    counter = {"norm.num_batches_tracked": torch.tensor(3.5)}
    assert "holds float32 where the network has int64" in refusal(tmp_path / "a.pth", state() | counter)


def test_every_flipped_byte_of_the_tensors_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save(state(), path)
    whole = path.read_bytes()
    values = state()["conv.weight"].numpy().tobytes()
    start = whole.index(values)
    for place in range(start, start + len(values), 37):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(HarnessError, match=r"corrupt \(\d+ bytes; the checksum of a/data/0 in it"):
            load_weights(path)


def test_a_checkpoint_without_checksums_is_read(tmp_path: Path) -> None:
    torch.serialization.set_crc32_options(False)
    try:
        assert equal(loaded(tmp_path / "a.pth", state()), state())
    finally:
        torch.serialization.set_crc32_options(True)
