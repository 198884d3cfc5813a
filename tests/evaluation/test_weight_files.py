"""The list of weight files: complete, pinned where a source states a checksum, and found in the right folder."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from pathlib import Path

import pytest

import harness.foundation.compat  # noqa: F401
from harness.evaluation import weight_files
from harness.evaluation.metrics import METRICS
from harness.evaluation.weight_files import WEIGHT_FILES, check_weights, weights_folder
from harness.foundation.errors import HarnessError


def test_every_needed_file_has_a_source() -> None:
    needed = {name for metric in METRICS.values() for name in metric.weights}
    assert needed == set(WEIGHT_FILES)
    for file in WEIGHT_FILES.values():
        assert file.url.startswith("https://")
        assert file.url.endswith(f"/{file.name}")
        stated = re.search(r"-([0-9a-f]{8})\.", file.name)
        assert stated is None or file.sha256 == stated[1]


def test_sources_are_those_that_pyiqa_itself_uses() -> None:
    from harness.evaluation.learned import import_pyiqa

    import_pyiqa()
    from pyiqa.archs import brisque_arch, clip_model, dists_arch, lpips_arch, maniqa_arch, musiq_arch, niqe_arch
    from torchvision.models import AlexNet_Weights, VGG16_Weights

    used = {
        lpips_arch.default_model_urls["0.1_alex"],
        dists_arch.default_model_urls["url"],
        musiq_arch.default_model_urls["koniq10k"],
        maniqa_arch.default_model_urls["koniq"],
        niqe_arch.default_model_urls["url"],
        brisque_arch.default_model_urls["url"],
        clip_model._MODELS["RN50"],
        AlexNet_Weights.IMAGENET1K_V1.url,
        VGG16_Weights.IMAGENET1K_V1.url,
    }
    assert {file.url for file in WEIGHT_FILES.values()} == used
    assert WEIGHT_FILES["RN50.pt"].sha256 == WEIGHT_FILES["RN50.pt"].url.split("/")[-2]


def test_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_WEIGHTS", raising=False)
    assert weights_folder() == Path("weights")
    assert weights_folder("elsewhere") == Path("elsewhere")
    monkeypatch.setenv("HARNESS_WEIGHTS", "given")
    assert weights_folder("elsewhere") == Path("given")


def test_checksums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_WEIGHTS", raising=False)
    name = "LPIPS_v0.1_alex-df73285e.pth"
    with pytest.raises(HarnessError, match="no such weight file; get it from https://"):
        check_weights(name, tmp_path)
    (tmp_path / name).write_bytes(b"something else")
    found = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(HarnessError, match=f"SHA-256 begins with {found[:8]}, not df73285e"):
        check_weights(name, tmp_path)
    right = dataclasses.replace(WEIGHT_FILES[name], sha256=found[:8])
    monkeypatch.setitem(weight_files.WEIGHT_FILES, name, right)
    assert check_weights(name, tmp_path) == tmp_path / name
