"""Manifests: written and read back, and every malformed line named."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.datasets.catalogue import MANIFESTS
from harness.datasets.manifests import Row, read_manifest, write_manifest
from harness.foundation.errors import HarnessError
from tests.datasets.conftest import photograph

GOOD = "a\t3\t2\t" + "0" * 64


def test_round_trip_and_order(tmp_path: Path) -> None:
    rows = [Row.of("b", photograph("b")), Row.of("a a", photograph("a", 7, 5))]
    write_manifest(tmp_path / "m.tsv", {"version": "v", "empty": ""}, rows)
    back = read_manifest(tmp_path / "m.tsv")
    assert list(back.rows.values()) == sorted(rows, key=lambda row: row.name)
    assert back.rows["a a"].width == 7
    assert back.header["version"] == "v"
    write_manifest(tmp_path / "n.tsv", {"version": "v", "empty": ""}, rows[::-1])
    assert (tmp_path / "n.tsv").read_bytes() == (tmp_path / "m.tsv").read_bytes()
    assert "file" not in (tmp_path / "m.tsv").read_text()


def test_files_are_kept_where_known(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.tsv", {}, [Row("a", 1, 1, "0" * 64, "deep/a.png"), Row("b", 1, 1, "1" * 64)])
    assert [row.file for row in read_manifest(tmp_path / "m.tsv").rows.values()] == ["deep/a.png", ""]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([], "lists no images"),
        (["name\twidth\theight\tsha256"], "lists no images"),
        (["name\twidth\theight\tsha256", "a\t3"], "line 2: not a manifest line .*: 'a.t3'"),
        (["name\twidth\theight\tsha256", GOOD.replace("3", "x", 1)], "line 2: not a manifest line"),
        (["name\twidth\theight\tsha256", GOOD[:-1]], "line 2: '0+' is no SHA-256"),
        (["# v: 1", "name\twidth\theight\tsha256", GOOD, GOOD], "line 4: 'a' is listed twice"),
        (["name\tsize", GOOD], "line 2: not a manifest line"),
    ],
)
def test_malformed_manifests_name_the_line(tmp_path: Path, lines: list[str], problem: str) -> None:
    (tmp_path / "m.tsv").write_text("\n".join(lines))
    with pytest.raises(HarnessError, match=problem):
        read_manifest(tmp_path / "m.tsv")


def test_unreadable_manifests_are_told(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="no such manifest"):
        read_manifest(tmp_path / "m.tsv")
    (tmp_path / "m.tsv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(HarnessError, match="cannot be read"):
        read_manifest(tmp_path / "m.tsv")


@pytest.mark.parametrize("path", sorted(MANIFESTS.rglob("*.tsv")), ids=lambda path: path.stem)
def test_committed_manifests_are_well_formed(path: Path) -> None:
    manifest = read_manifest(path)
    for row in manifest.rows.values():
        assert min(row.width, row.height) > 0
        assert int(row.sha256, 16) >= 0
        assert row.file or path.parent != MANIFESTS
    hashes = [row.sha256 for row in manifest.rows.values()]
    assert len(set(hashes)) > 0.9 * len(hashes)
