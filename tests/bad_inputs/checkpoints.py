"""Checkpoints of others, whatever a training or a download made of them, and models from outside that cannot work."""

from __future__ import annotations

import argparse
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bad_inputs.case import BASE, EXPERIMENT, Case, both, written
from tests.bad_inputs.weights import CORRUPT, REFUSED, RUN, Evil, saved

COMMAND = f"evaluate {EXPERIMENT} --weights theirs.pth --network srresnet_tiny"
WEIGHTS = dict[str, Any]


def outside(
    id: str, given: str, make: Callable[[WEIGHTS], Any], answer: str, options: str = "", legitimate: bool = False
) -> Case:
    """A checkpoint that is measured: what ``make`` returns, given the weights of a network that fits.

    Bytes are written as they are, anything else as PyTorch saves it.
    """

    def write(folder: Path) -> None:
        from harness.networks.weights import load_weights

        (run,) = folder.glob(RUN)
        content = make(load_weights(run))
        (folder / "theirs.pth").write_bytes(content if isinstance(content, bytes) else saved(content))

    prefix = "" if legitimate else "external theirs: theirs.pth: "
    status = 0 if legitimate else 2
    return Case(f"theirs-{id}", given, COMMAND + options, prefix + answer, write, status=status, finished=True)


def _changed(name: str, change: Callable[[Any], Any]) -> Callable[[WEIGHTS], WEIGHTS]:
    return lambda weights: {**weights, name: change(weights[name])}


def _flipped(weights: WEIGHTS) -> bytes:
    whole, values = saved(weights), weights["conv_first.weight"].numpy().tobytes()
    place = whole.index(values) + 5
    return whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]


def _script(weights: WEIGHTS) -> bytes:
    """A zip with what tells a TorchScript file from a checkpoint; writing a real one warns of its deprecation."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in ("net/data.pkl", "net/code/__torch__.py", "net/constants.pkl"):
            archive.writestr(name, b"\x80\x02.")
    return stream.getvalue()


def _zip(weights: WEIGHTS) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("release/net.pth", saved(weights))
    return stream.getvalue()


def _tar(weights: WEIGHTS) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("release/net.pth"), io.BytesIO())
    return stream.getvalue()


def _left_by_training(weights: WEIGHTS) -> Any:
    named = {f"module.{name}": tensor for name, tensor in weights.items()}
    total = next(iter(weights.values())).new_zeros(1)
    return {"epoch": 5, "args": argparse.Namespace(lr=1e-4), "state_dict": named | {"total_ops": total}}


def _safetensors(weights: WEIGHTS) -> bytes:
    from safetensors.torch import save

    return save(weights)


def _as_int8(tensor: Any) -> Any:
    import torch

    return tensor.to(torch.int8)


EXTERNALS = """\
weights_root: .
external:
  path: {weights: theirs.pth, network: "theirs.nets:Net"}
  arguments: {weights: theirs.pth, network: "basicsr.archs.srresnet_arch:MSRResNet", arguments: {features: 8}}
  key: {weights: theirs.pth, network: srresnet_tiny, key: params_ema}
  shapes: {weights: theirs.pth, network: srresnet_small}
  leaving: {weights: theirs.pth, network: "leaving:Net", python_path: repository}
  nowhere: {weights: theirs.pth, network: "model:Net", python_path: repositry}
"""
ANSWERS = """\
before this can run:
  - external path: networks: path 'theirs.nets:Net': module 'theirs.nets' cannot be imported (No module named 'theirs')
  - external arguments: networks: basicsr.archs.srresnet_arch:MSRResNet: unknown argument 'features'; it takes: ...
  - external key: theirs.pth: holds no 'params_ema'; it holds: params
  - external shapes: theirs.pth: not weights of this MSRResNet: lacks ...
  - external leaving: building it ended the process with status 3 (no licence)
  - external nowhere: python_path repositry: no such folder; name the one that the network is imported from"""


def _small(folder: Path) -> None:
    import torch

    (folder / "theirs.pth").write_bytes(saved({"params": {"conv_first.weight": torch.zeros(8, 3, 3, 3)}}))


CASES = [
    outside("script", "a TorchScript file", _script, "a TorchScript file: a program with its weights; where you ..."),
    outside("zip", "the archive that a checkpoint came in", _zip, "an archive (zip); unpack it and name the ..."),
    outside("tar", "the same as tar", _tar, "an archive (tar); unpack it and name the weight file in it"),
    outside(
        "gzip", "the same as tar.gz", lambda _: b"\x1f\x8b\x08" + bytes(50), "an archive; unpack it and name the ..."
    ),
    outside(
        "page",
        "the web page of a download",
        lambda _: b"<!DOCTYPE html>\n<html>Sign in</html>",
        "a web page, not weights; download the file itself and put it there",
    ),
    outside(
        "pointer",
        "a Git LFS pointer",
        lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 6\n",
        "a Git LFS pointer, not the weights themselves; run `git lfs pull` where it is from",
    ),
    outside("flipped", "one flipped bit in a checkpoint", _flipped, CORRUPT),
    outside("code", "code beside the weights", lambda w: w | {"x": Evil()}, f"refused: this pickle ...; {REFUSED}"),
    outside(
        "numbers",
        "tensors under numbers",
        lambda weights: dict(enumerate(weights.values())),
        "holds tensors under numbers, not names: 0, 1, 2, 3 and ... more; save the network's state_dict()",
    ),
    outside(
        "nested",
        "two sets of weights, deep in dictionaries",
        lambda weights: {"model": {"state_dict": weights, "ema": {"shadow": weights}}},
        "holds 2 sets of weights; choose by key: model.state_dict or model.ema.shadow",
    ),
    outside(
        "int8",
        "quantized weights",
        _changed("conv_first.weight", _as_int8),
        "conv_first.weight holds int8 where the network has float32: quantized or other weights; get those in ...",
    ),
    outside(
        "meta",
        "weights without values",
        _changed("conv_first.weight", lambda tensor: tensor.to("meta")),
        "conv_first.weight: on the meta device, without values; save the weights after they were loaded",
    ),
    outside(
        "sparse",
        "sparse weights",
        _changed("conv_first.weight", lambda tensor: tensor.to_sparse()),
        "conv_first.weight: a sparse tensor; save tensor.to_dense()",
    ),
    outside(
        "training",
        "prefixes, thop's counters, an epoch and argparse's arguments around the weights",
        _left_by_training,
        "note: theirs.pth: left out, as no weights of this network: total_ops",
        legitimate=True,
    ),
    outside(
        "safetensors",
        "safetensors named .pth",
        _safetensors,
        "theirs: srresnet_tiny, theirs.pth, SHA-256 ...",
        legitimate=True,
    ),
    Case(
        "external-probe",
        "models from outside that cannot be imported, built or filled",
        f"check {EXPERIMENT}",
        ANSWERS,
        both(
            written(EXPERIMENT, BASE + EXTERNALS),
            written("repository/leaving.py", "import sys\nprint('no licence', file=sys.stderr)\nsys.exit(3)\n"),
            _small,
        ),
    ),
    Case(
        "external-folder",
        "a folder to import from for a network of the catalogue",
        f"{COMMAND} --python-path .",
        "evaluate: python_path: goes with an import path module:Class, not with network 'srresnet_tiny'",
        written("theirs.pth", b"x"),
    ),
]
