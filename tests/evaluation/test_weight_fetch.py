"""Fetching weights from a local server: whole and right, or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.datasets.download import Patience
from harness.evaluation import weight_fetch, weight_files
from harness.evaluation.weight_fetch import fetch_weights
from harness.foundation.errors import HarnessError
from harness.foundation.rng import numpy_stream
from tests.datasets.server import Server, serve

CONTENT = numpy_stream("weights").bytes(50_000)
PATIENCE = Patience(attempts=2, pause=0, stall=1, sleep=lambda _: None)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server with all weight files, every one with the same content and the checksum that fits."""
    monkeypatch.delenv("HARNESS_WEIGHTS", raising=False)
    digest = hashlib.sha256(CONTENT).hexdigest()
    with serve() as running:
        files = {}
        for name, file in weight_files.WEIGHT_FILES.items():
            running.files[f"/{name}"] = CONTENT
            stated = digest[: len(file.sha256)]
            files[name] = dataclasses.replace(file, url=f"{running.url}/{name}", sha256=stated)
        monkeypatch.setattr(weight_files, "WEIGHT_FILES", files)
        monkeypatch.setattr(weight_fetch, "WEIGHT_FILES", files)
        yield running


def test_fetches_what_is_missing_once(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    assert fetch_weights(["lpips", "psnr_rgb", "niqe"], folder, PATIENCE) == [
        "lpips: alexnet-owt-7be5be79.pth fetched, LPIPS_v0.1_alex-df73285e.pth fetched",
        "psnr_rgb: needs no weights",
        "niqe: niqe_modelparameters.mat fetched (its source states no checksum)",
    ]
    assert weight_files.missing_weights("lpips", folder) == []
    assert sorted(path.name for path in folder.iterdir()) == [
        "LPIPS_v0.1_alex-df73285e.pth",
        "alexnet-owt-7be5be79.pth",
        "niqe_modelparameters.mat",
    ]
    server.files.clear()
    assert fetch_weights(["lpips"], folder, PATIENCE) == [
        "lpips: alexnet-owt-7be5be79.pth is there, LPIPS_v0.1_alex-df73285e.pth is there"
    ]


def test_wrong_bytes_never_get_the_name(server: Server, tmp_path: Path) -> None:
    server.files["/LPIPS_v0.1_alex-df73285e.pth"] = b"an error page"
    server.files["/RN50.pt"] = b"an error page"
    with pytest.raises(HarnessError) as caught:
        fetch_weights(["lpips", "clipiqa"], tmp_path, PATIENCE)
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("metric lpips: ")
    assert "LPIPS_v0.1_alex-df73285e.pth: SHA-256 begins with" in lines[0]
    assert lines[1].startswith("metric clipiqa: ")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["alexnet-owt-7be5be79.pth"]


def test_a_damaged_file_is_not_taken_for_the_right_one(server: Server, tmp_path: Path) -> None:
    (tmp_path / "musiq_koniq_ckpt-e95806b9.pth").write_bytes(CONTENT[:-1])
    with pytest.raises(HarnessError, match="truncated or another file; delete it and fetch it again"):
        fetch_weights(["musiq"], tmp_path, PATIENCE)


def test_interrupted_downloads_are_continued(server: Server, tmp_path: Path) -> None:
    server.faults["/brisque_svm_weights.pth"] = [("truncate", 20_000)]
    fetch_weights(["brisque"], tmp_path, PATIENCE)
    assert (tmp_path / "brisque_svm_weights.pth").read_bytes() == CONTENT


def test_unknown_addresses_and_metrics(server: Server, tmp_path: Path) -> None:
    del server.files["/ckpt_koniq10k.pt"]
    with pytest.raises(HarnessError, match="metric maniqa: .*the server says 404"):
        fetch_weights(["maniqa", "niqe"], tmp_path, PATIENCE)
    assert weight_files.missing_weights("niqe", tmp_path) == []
    with pytest.raises(HarnessError, match="metric 'fid' is unknown"):
        fetch_weights(["fid"], tmp_path, PATIENCE)
