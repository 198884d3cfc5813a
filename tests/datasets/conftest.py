"""Small datasets in temporary folders, catalogued like real ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from harness.datasets import catalogue
from harness.foundation.images import Pixels, encode_png
from harness.foundation.rng import numpy_stream

Catalogue = Callable[[Mapping[str, Mapping[str, Any]]], Path]


def photograph(name: str, width: int = 40, height: int = 32) -> Pixels:
    """A smooth random image of its own for every name."""
    small = numpy_stream("photograph", name).integers(0, 256, (5, 6, 3), np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def save(path: Path, pixels: Pixels) -> Path:
    """Write an image, without loss unless its name says otherwise, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png" and pixels.ndim == 3:
        path.write_bytes(encode_png(pixels))
    else:
        Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reach the server of the tests directly, whatever proxy the machine uses."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def write_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    """Return a function that makes the given entries the catalogue; manifests and locks are temporary too."""
    configs = tmp_path / "configs"
    (configs / "manifests").mkdir(parents=True)
    monkeypatch.setattr(catalogue, "CONFIGS", configs)
    monkeypatch.setattr(catalogue, "MANIFESTS", configs / "manifests")

    def write(entries: Mapping[str, Mapping[str, Any]]) -> Path:
        full = {name: {"licence": "none", **entry} for name, entry in entries.items()}
        (configs / "datasets.yaml").write_text(yaml.safe_dump(full))
        catalogue._load.cache_clear()
        return configs

    return write


@pytest.fixture
def tiny(tmp_path: Path, write_catalogue: Catalogue) -> Path:
    """A benchmark `tiny` of four images, one of them gray, and its data folder."""
    write_catalogue({"tiny": {"kind": "benchmark", "images": 4, "folder": "tiny"}})
    root = tmp_path / "data"
    for index, name in enumerate(("a", "b", "c")):
        save(root / "tiny" / f"{name}.png", photograph(name, 41 + index, 30))
    save(root / "tiny" / "gray.png", photograph("gray")[..., 0])
    return root
