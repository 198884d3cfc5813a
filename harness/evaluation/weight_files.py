"""The weight files of learned metrics: where they come from, which are missing, whether they are intact.

They lie in one flat folder: ``HARNESS_WEIGHTS`` if that is set, else the experiment's ``weights_root``, else
``weights/``. Nothing is downloaded behind anyone's back.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from harness.evaluation.metrics import get_metric
from harness.foundation.errors import HarnessError
from harness.foundation.files import file_sha256
from harness.foundation.places import expanded

_IQA = "https://huggingface.co/chaofengc/IQA-PyTorch-Weights/resolve/main/"
_TORCHVISION = "https://download.pytorch.org/models/"
_CLIP = "https://openaipublic.azureedge.net/clip/models/"
_RN50 = "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762"


@dataclass(frozen=True)
class WeightFile:
    """One file of weights.

    Attributes:
        name: the file name in the weights folder.
        url: its public source, as pyiqa, torchvision and CLIP name it.
        place: the subfolder in which torch's hub cache looks for it.
        sha256: the first hexadecimal digits of its SHA-256, "" where no source states any.
    """

    name: str
    url: str
    place: str
    sha256: str


def _file(name: str, base: str, place: str, sha256: str = "") -> WeightFile:
    stated = re.search(r"-([0-9a-f]{8})\.pth$", name)
    return WeightFile(name, base + name, place, sha256 or (stated[1] if stated else ""))


WEIGHT_FILES: dict[str, WeightFile] = {
    file.name: file
    for file in (
        _file("alexnet-owt-7be5be79.pth", _TORCHVISION, "checkpoints"),
        _file("vgg16-397923af.pth", _TORCHVISION, "checkpoints"),
        _file("LPIPS_v0.1_alex-df73285e.pth", _IQA, "pyiqa"),
        _file("DISTS_weights-f5e65c96.pth", _IQA, "pyiqa"),
        _file("niqe_modelparameters.mat", _IQA, "pyiqa"),
        _file("brisque_svm_weights.pth", _IQA, "pyiqa"),
        _file("musiq_koniq_ckpt-e95806b9.pth", _IQA, "pyiqa"),
        _file("ckpt_koniq10k.pt", _IQA, "pyiqa"),
        _file("RN50.pt", f"{_CLIP}{_RN50}/", "clip", _RN50),
    )
}
"""Every weight file that a metric may need, by name."""


def weights_folder(configured: str | Path | None = None) -> Path:
    """Return the folder of weight files: ``HARNESS_WEIGHTS`` if set, else ``configured``, else ``weights``."""
    named = os.environ.get("HARNESS_WEIGHTS")
    return expanded(named, "HARNESS_WEIGHTS") if named else expanded(configured or "weights", "weights_root")


def missing_weights(metric: str, weights_root: str | Path | None = None) -> list[str]:
    """Return the names of the files that ``metric`` needs and the weights folder lacks.

    Raises:
        HarnessError: the metric is unknown.
    """
    folder = weights_folder(weights_root)
    return [name for name in get_metric(metric).weights if not (folder / name).is_file()]


def explain_missing(metric: str, weights_root: str | Path | None = None) -> str | None:
    """Return one line on what ``metric`` lacks and what to do, or None if it is ready."""
    missing = missing_weights(metric, weights_root)
    if not missing:
        return None
    sources = ", ".join(f"{name} ({WEIGHT_FILES[name].url})" for name in missing)
    return (
        f"metric {metric}: {weights_folder(weights_root)} lacks {sources}; "
        f"run `python -m harness fetch-weights {metric}`, or put the files there"
    )


def check_weights(name: str, weights_root: str | Path | None = None) -> Path:
    """Return the path of weight file ``name`` after comparing it with the checksum that its source states.

    Raises:
        HarnessError: the file is missing or its SHA-256 begins otherwise.
    """
    path = weights_folder(weights_root) / name
    if not path.is_file():
        raise HarnessError(f"{path}: no such weight file; get it from {WEIGHT_FILES[name].url}")
    problem = wrong_checksum(path, WEIGHT_FILES[name])
    if problem:
        raise HarnessError(f"{path}: {problem}: truncated or another file; delete it and fetch it again")
    return path


def wrong_checksum(path: Path, file: WeightFile) -> str | None:
    """Say how the SHA-256 of ``path`` differs from the digits stated for ``file``, or return None."""
    found = file_sha256(path)[: len(file.sha256)]
    return None if found == file.sha256 else f"SHA-256 begins with {found[:12]}, not {file.sha256[:12]}"
