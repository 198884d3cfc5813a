"""Manifests: written and read back, and every malformed line named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.datasets.catalogue import MANIFESTS
from harness.datasets.manifests import (
    MANIFEST,
    Row,
    check_index,
    escaped,
    read_manifest,
    unescaped,
    write_index,
    write_manifest,
)
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


NAMES = st.lists(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
        st.text("#: \t\n\r\\xtnr\x0b\x0c\x1c\x85\u2028\ufeff'\"|,;0a", max_size=8),
        st.binary(max_size=6).map(os.fsdecode),
    ),
    min_size=1,
    max_size=5,
    unique=True,
)
"""Names of images and folders: anything that a file system may give us, and often what formats give a meaning to."""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=NAMES, files=NAMES, values=NAMES)
def test_every_name_comes_back(tmp_path: Path, names: list[str], files: list[str], values: list[str]) -> None:
    rows = {name: Row(name, 3, 2, "0" * 64, files[index % len(files)]) for index, name in enumerate(names)}
    header = {f"key {index}": value for index, value in enumerate(values)}
    write_manifest(tmp_path / "m.tsv", header, rows.values())
    back = read_manifest(tmp_path / "m.tsv")
    assert back.rows == rows
    assert back.header == header


@given(st.one_of(NAMES.map("".join)))
def test_escaping_leaves_nothing_that_the_format_gives_a_meaning_to(text: str) -> None:
    assert unescaped(escaped(text)) == text
    assert not set(escaped(text)) & {"\t", "\n", "\r"}
    escaped(text).encode()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text("#\t\n\\ \u2028a", min_size=1, max_size=4), min_size=1, max_size=3, unique=True))
def test_an_index_keeps_the_names_of_its_folders(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    folder = tmp_path_factory.mktemp("set")
    for name in names:
        write_manifest(folder / name / MANIFEST, {}, [Row("#1", 1, 1, "0" * 64)], sealed=True)
    write_index(folder, names, names)
    check_index(folder, names)
    write_manifest(folder / names[0] / MANIFEST, {}, [Row("#2", 1, 1, "0" * 64)], sealed=True)
    with pytest.raises(HarnessError, match="not the manifest that index"):
        check_index(folder, names)
    write_index(folder, ["x"], names)
    check_index(folder, names)


def test_lines_of_earlier_versions_are_read_as_before(tmp_path: Path) -> None:
    (tmp_path / "m.tsv").write_text(f"# free text\n# key: value \r\nname\twidth\theight\tsha256\r\n#{GOOD}\r\n\n")
    manifest = read_manifest(tmp_path / "m.tsv")
    assert list(manifest.rows) == ["#a"]
    assert manifest.header == {"free text": "", "key": "value "}
