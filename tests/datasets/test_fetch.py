"""Fetching whole datasets from a server on this machine: mirrors, archives, single files, and pixels that are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.datasets import fetch as fetching
from harness.datasets.download import Patience
from harness.datasets.fetch import DOWNLOADS, fetch
from harness.datasets.manifests import Row, write_manifest
from harness.datasets.resolve import missing
from harness.foundation.errors import HarnessError
from harness.foundation.images import encode_png, read_rgb
from tests.datasets.conftest import Catalogue, photograph, save
from tests.datasets.server import Server, serve
from tests.datasets.test_archive import make_tar, make_zip

NAMES = ("a", "b", "c")
PATIENCE = Patience(attempts=2, pause=0.0, stall=0.3, sleep=lambda seconds: None)
PNG = {name: encode_png(photograph(name)) for name in NAMES}


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as running:
        yield running


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def catalogue(write: Catalogue, sources: list[dict[str, Any]], manifest: bool = True, **more: Any) -> None:
    entry = {"kind": "benchmark", "images": 3, "folder": "sets/tiny", "sources": sources, **more}
    configs = write({"tiny": {**entry, "manifest": "tiny"} if manifest else entry})
    rows = [
        Row(r.name, r.width, r.height, r.sha256, f"{r.name} 1.png") for r in (Row.of(n, photograph(n)) for n in NAMES)
    ]
    write_manifest(configs / "manifests" / "tiny.tsv", {}, rows)


def single_files(server: Server) -> dict[str, str]:
    for name in NAMES:
        server.files[f"/hr/{name}%201.png"] = PNG[name]
    return {"url": server.url + "/hr/{file}"}


def archive(
    server: Server, tmp_path: Path, path: str, members: list[tuple[str, bytes]], tar: bool = False
) -> dict[str, str]:
    server.files[path] = (make_tar if tar else make_zip)(tmp_path / "made", members).read_bytes()
    return {"url": server.url + path}


def complete(data: Path) -> bool:
    return missing("tiny", data) is None and all(
        np.array_equal(read_rgb(next((data / "sets/tiny").glob(f"{name}.*"))), photograph(name)) for name in NAMES
    )


def test_single_files_come_under_the_names_of_the_manifest(
    server: Server, data: Path, write_catalogue: Catalogue
) -> None:
    catalogue(write_catalogue, [single_files(server)])
    server.faults["/hr/a%201.png"] = [("status", 503)]
    (line,) = fetch(["tiny"], data, patience=PATIENCE)
    assert line.startswith("tiny: 3 images from 127.0.0.1")
    assert sorted(path.name for path in (data / "sets/tiny").iterdir()) == ["a.png", "b.png", "c.png"]
    asked = len(server.requests)
    assert fetch(["tiny", "tiny"], data, patience=PATIENCE) == ["tiny: complete already"]
    assert len(server.requests) == asked


def test_only_what_is_missing_or_wrong_is_fetched(server: Server, data: Path, write_catalogue: Catalogue) -> None:
    catalogue(write_catalogue, [single_files(server)])
    save(data / "sets/tiny/a.bmp", photograph("a"))
    save(data / "sets/tiny/b.bmp", photograph("wrong"))
    fetch(["tiny"], data, patience=PATIENCE)
    assert complete(data)
    assert sorted(path.name for path in (data / "sets/tiny").iterdir()) == ["a.bmp", "b.png", "c.png"]
    assert {path for path, _ in server.requests} == {"/hr/b%201.png", "/hr/c%201.png"}


def test_a_failed_image_keeps_the_others(server: Server, data: Path, write_catalogue: Catalogue) -> None:
    catalogue(write_catalogue, [single_files(server)])
    content = server.files.pop("/hr/b%201.png")
    with pytest.raises(HarnessError, match=r"1 of 3 images failed, such as .*/hr/b%201\.png: the server says 404"):
        fetch(["tiny"], data, patience=PATIENCE)
    server.files["/hr/b%201.png"] = content
    server.requests.clear()
    fetch(["tiny"], data, patience=PATIENCE)
    assert complete(data)
    assert [path for path, _ in server.requests] == ["/hr/b%201.png"]


def test_an_archive_that_is_there_already_is_used(
    server: Server, tmp_path: Path, data: Path, write_catalogue: Catalogue
) -> None:
    source = archive(server, tmp_path, "/all.zip", [(f"{n}.png", PNG[n]) for n in NAMES])
    catalogue(write_catalogue, [source])
    place = data / DOWNLOADS / fetching._archive_name(source["url"])
    place.parent.mkdir(parents=True)
    place.write_bytes(server.files["/all.zip"])
    fetch(["tiny"], data, patience=PATIENCE)
    assert complete(data)
    assert server.requests == []


@pytest.mark.parametrize("bad", [encode_png(photograph("other")), b"<html>", b"", PNG["b"][:400]], ids=range(4))
def test_wrong_pixels_are_refused_and_the_mirror_is_asked(
    server: Server, tmp_path: Path, data: Path, write_catalogue: Catalogue, bad: bytes
) -> None:
    mirror = archive(server, tmp_path, "/mirror.zip", [(f"x/{name}.png", PNG[name]) for name in NAMES])
    catalogue(write_catalogue, [single_files(server), mirror])
    server.files["/hr/b%201.png"] = bad
    fetch(["tiny"], data, patience=PATIENCE)
    assert complete(data)
    assert not list(data.rglob("*.new"))


def test_archives_are_recognized_by_pixels(
    server: Server, tmp_path: Path, data: Path, write_catalogue: Catalogue
) -> None:
    members = [(f"some/where/img_{i}.png", PNG[name]) for i, name in enumerate(NAMES)]
    catalogue(write_catalogue, [archive(server, tmp_path, "/all.tgz", [*members, ("LR/a.png", b"x")], tar=True)])
    fetch(["tiny"], data, patience=PATIENCE)
    assert complete(data)
    assert not (data / DOWNLOADS).exists(), "archives are removed when they have served"


def test_archives_can_be_kept(server: Server, tmp_path: Path, data: Path, write_catalogue: Catalogue) -> None:
    catalogue(write_catalogue, [archive(server, tmp_path, "/all.zip", [(f"{n}.png", PNG[n]) for n in NAMES])])
    fetch(["tiny"], data, keep_archives=True, patience=PATIENCE)
    (kept,) = (data / DOWNLOADS).iterdir()
    assert kept.name.endswith("-all.zip")


def test_datasets_without_manifest_are_counted(
    server: Server, tmp_path: Path, data: Path, write_catalogue: Catalogue
) -> None:
    source = archive(server, tmp_path, "/all.zip", [(f"top/HR/{n}.png", PNG[n]) for n in NAMES])
    catalogue(write_catalogue, [{**source, "root": "top/HR"}], manifest=False)
    fetch(["tiny"], data, patience=PATIENCE)
    assert complete(data)
    catalogue(write_catalogue, [{**source, "root": "top/HR"}], manifest=False, images=4, folder="other")
    with pytest.raises(HarnessError, match="no folder in it holds 4 images"):
        fetch(["tiny"], data, patience=PATIENCE)


def test_pairs_keep_their_folders(server: Server, tmp_path: Path, data: Path, write_catalogue: Catalogue) -> None:
    members = [(f"R(V3)/{camera}/Test/4/{camera}_1_{kind}.png", PNG["a"]) for camera in "CN" for kind in ("HR", "LR4")]
    source = archive(server, tmp_path, "/R(V3).tar.gz", [*members, ("R(V3)/C/Train/4/C_9_HR.png", b"x")], tar=True)
    write_catalogue(
        {
            "pairs": {
                "kind": "real_paired",
                "images": 2,
                "folder": "pairs",
                "pattern": "*/Test/4/{name}_HR",
                "low": "*/Test/4/{name}_LR4",
                "sources": [{**source, "root": "R(V3)", "keep": ["*/Test/4/*"]}],
            }
        }
    )
    fetch(["pairs"], data, patience=PATIENCE)
    assert missing("pairs", data) is None
    assert (data / "pairs/C/Test/4/C_1_LR4.png").is_file()


def test_one_archive_serves_several_datasets(
    server: Server, tmp_path: Path, data: Path, write_catalogue: Catalogue
) -> None:
    source = archive(server, tmp_path, "/b.tar", [(f"{s}/HR/{n}.png", PNG[n]) for s in "xy" for n in NAMES], tar=True)
    entry = {"kind": "benchmark", "images": 3}
    write_catalogue({s: {**entry, "folder": s, "sources": [{**source, "keep": [f"{s}/HR/*"]}]} for s in "xy"})
    assert len(fetch(["x", "y"], data, patience=PATIENCE)) == 2
    assert [path for path, _ in server.requests] == ["/b.tar"]


def test_every_source_is_named_when_all_fail(
    server: Server, tmp_path: Path, data: Path, write_catalogue: Catalogue
) -> None:
    server.files["/page"] = b"<!DOCTYPE html>"
    wrong = archive(server, tmp_path, "/wrong.zip", [("a.png", PNG["a"])])
    sources = [
        {"url": server.url + "/gone.zip"},
        {"url": server.url + "/page"},
        {**wrong, "md5": "0" * 32},
        {**wrong},
    ]
    catalogue(write_catalogue, sources)
    with pytest.raises(HarnessError) as caught:
        fetch(["tiny"], data, patience=PATIENCE)
    line = str(caught.value)
    assert "\n" not in line
    for part in (
        "404 Not Found",
        "is a web page instead of an archive",
        "md5",
        "1 of 3 images recognized",
        "missing: b, c",
    ):
        assert part in line
    assert not list((data / DOWNLOADS).glob("*.unpacked"))


def test_one_failure_does_not_stop_the_others(server: Server, data: Path, write_catalogue: Catalogue) -> None:
    source = single_files(server)
    entry = {"kind": "benchmark", "images": 3, "folder": "lost", "manual": "write to the authors"}
    catalogue(write_catalogue, [source])
    configs = write_catalogue(
        {
            "lost": entry,
            "tiny": {"kind": "benchmark", "images": 3, "folder": "sets/tiny", "manifest": "tiny", "sources": [source]},
        }
    )
    assert (configs / "manifests/tiny.tsv").is_file()
    expected = "lost: cannot be fetched: write to the authors; then `python -m harness adopt lost FOLDER`"
    with pytest.raises(HarnessError) as caught:
        fetch(["lost", "tiny"], data, patience=PATIENCE)
    assert str(caught.value) == expected
    assert complete(data)


def test_unknown_names_fail_before_anything_is_fetched(server: Server, data: Path, write_catalogue: Catalogue) -> None:
    catalogue(write_catalogue, [single_files(server)])
    with pytest.raises(HarnessError, match="no dataset 'tinny'"):
        fetch(["tiny", "tinny"], data, patience=PATIENCE)
    assert server.requests == []


def test_embedded_photographs_need_no_download(data: Path) -> None:
    assert fetch(["embedded_test"], data) == ["embedded_test: its photographs come with installed packages"]


def test_file_names_of_archives_are_safe_and_distinct() -> None:
    first = fetching._archive_name("https://x.org/a/..%2F..%2Fetc?x=1")
    assert "/" not in first
    assert fetching._archive_name("https://x.org/a/HR.zip") != fetching._archive_name("https://y.org/a/HR.zip")
