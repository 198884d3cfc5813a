"""Archives from the internet: the wanted images come out, and nothing else can happen."""

from __future__ import annotations

import io
import resource
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.datasets import archive as archives
from harness.datasets.archive import unpack
from harness.foundation.errors import HarnessError
from harness.foundation.images import encode_png
from tests.datasets.conftest import photograph

IMAGE = encode_png(photograph("a"))
Members = list[tuple[str, bytes]]


def make_zip(path: Path, members: Members) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path


def make_tar(path: Path, members: Members, mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def special_tar(path: Path, kind: bytes, name: str = "x.png", link: str = "") -> Path:
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, link
        archive.addfile(info)
    return path


MAKERS: list[Callable[[Path, Members], Path]] = [
    make_zip,
    make_tar,
    lambda path, members: make_tar(path, members, "w"),
    lambda path, members: make_tar(path, members, "w:xz"),
    lambda path, members: make_tar(path, members, "w:bz2"),
]


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("make", MAKERS)
def test_wanted_images_come_out_whatever_the_format(tmp_path: Path, make: Callable[[Path, Members], Path]) -> None:
    members = [
        ("top/HR/a.png", IMAGE),
        ("top/HR/deep/b.JPG", b"b"),
        ("top/LR/c.png", b"c"),
        ("top/HR/readme.txt", b"text"),
        ("top/HR/.hidden.png", b"x"),
        ("__MACOSX/top/HR/._a.png", b"x"),
        ("topology/HR/d.png", b"d"),
    ]
    archive = make(tmp_path / "archive", members)  # no suffix: the content decides
    written = unpack(archive, tmp_path / "out", "top", ["HR/*"])
    assert files(tmp_path / "out") == ["HR/a.png", "HR/deep/b.JPG"]
    assert [path.name for path in written] == ["a.png", "b.JPG"]
    assert (tmp_path / "out/HR/a.png").read_bytes() == IMAGE


def test_everything_is_wanted_by_default(tmp_path: Path) -> None:
    unpack(make_zip(tmp_path / "x.zip", [("a/x.png", IMAGE), ("y.bmp", b"y")]), tmp_path / "out")
    assert files(tmp_path / "out") == ["a/x.png", "y.bmp"]


ESCAPES = ["../x.png", "a/../../x.png", "/tmp/x.png", "..\\x.png", "C:/x.png", "C:\\x.png", "a/..", "../readme.txt"]


@pytest.mark.parametrize("name", ESCAPES)
@pytest.mark.parametrize("make", MAKERS[:2])
def test_paths_that_leave_the_folder_are_refused(
    tmp_path: Path, name: str, make: Callable[[Path, Members], Path]
) -> None:
    archive = make(tmp_path / "archive", [("good.png", IMAGE), (name, b"evil")])
    with pytest.raises(HarnessError, match="leads outside the folder; this archive cannot be trusted"):
        unpack(archive, tmp_path / "deep" / "out")
    assert files(tmp_path) == ["archive", "deep/out/good.png"]


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE], ids=str
)
def test_links_and_devices_in_tar_files_are_refused(tmp_path: Path, kind: bytes) -> None:
    archive = special_tar(tmp_path / "x.tar", kind, link="/etc/passwd")
    with pytest.raises(HarnessError, match="'x.png' is a link or a device; this archive cannot be trusted"):
        unpack(archive, tmp_path / "out")
    assert files(tmp_path) == ["x.tar"]


def test_links_in_zip_files_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        info = zipfile.ZipInfo("x.png")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(HarnessError, match="is a link or a device"):
        unpack(tmp_path / "x.zip", tmp_path / "out")


def test_links_that_nobody_wants_do_no_harm(tmp_path: Path) -> None:
    path = special_tar(tmp_path / "x.tar", tarfile.SYMTYPE, "latest", "/")
    with tarfile.open(path, "a") as archive:
        info = tarfile.TarInfo("latest/x.png")  # would be written through the link, had it been made
        info.size = len(IMAGE)
        archive.addfile(info, io.BytesIO(IMAGE))
    unpack(path, tmp_path / "out")
    assert files(tmp_path / "out") == ["latest/x.png"]


@pytest.mark.parametrize("make", MAKERS[:2])
def test_a_name_that_comes_twice_is_refused(tmp_path: Path, make: Callable[[Path, Members], Path]) -> None:
    archive = make(tmp_path / "archive", [("x.png", IMAGE), ("./x.png", b"other")])
    with pytest.raises(HarnessError, match=r"two of its files have one name .*x\.png"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("make", MAKERS[:2])
@pytest.mark.parametrize("name", ["x.png", "skipped.bin"])
def test_bombs_are_stopped(
    tmp_path: Path, make: Callable[[Path, Members], Path], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "_ALLOWANCE", 100_000)
    archive = make(tmp_path / "archive", [(name, bytes(20_000_000)), ("good.png", IMAGE)])
    if make is make_zip and name == "skipped.bin":  # a zip's unwanted members are never decompressed
        assert len(unpack(archive, tmp_path / "out")) == 1
        return
    with pytest.raises(HarnessError, match="unpacks to more than 50 times its size; this is no archive of images"):
        unpack(archive, tmp_path / "out")
    assert sum(path.stat().st_size for path in (tmp_path / "out").rglob("*") if path.is_file()) < 4_000_000


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("place", ["first", "later", "global", "name"])
def test_a_header_without_end_takes_no_memory(tmp_path: Path, mode: str, place: str) -> None:
    long = "x" * 6_000_000
    headers = {"comment": long} if place == "global" else None
    kind = tarfile.GNU_FORMAT if place == "name" else tarfile.PAX_FORMAT
    with tarfile.open(tmp_path / "x", mode, format=kind, pax_headers=headers) as archive:  # type: ignore[call-overload]
        names = ["a.png", "b.png"] if place == "later" else ["b.png"]
        for name in names:
            info = tarfile.TarInfo(name if place != "name" else long)
            info.size = len(IMAGE)
            info.pax_headers = {"comment": long} if name == "b.png" and place in ("first", "later") else {}
            archive.addfile(info, io.BytesIO(IMAGE))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(HarnessError, match=r"holds a header of 6,\d+,\d+ bytes; this archive cannot be trusted"):
        unpack(tmp_path / "x", tmp_path / "out")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000, "kilobytes"


def test_headers_count_as_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_ALLOWANCE", 100_000)
    archive = make_tar(tmp_path / "x", [("empty.bin", b"")] * 20_000 + [("good.png", IMAGE)])
    with pytest.raises(HarnessError, match="unpacks to more than 50 times its size"):
        unpack(archive, tmp_path / "out")


def test_a_size_that_a_zip_file_lies_about_is_not_believed(tmp_path: Path) -> None:
    content = make_zip(tmp_path / "x.zip", [("x.png", bytes(50_000))]).read_bytes()
    lie = (100).to_bytes(4, "little")
    (tmp_path / "x.zip").write_bytes(content.replace((50_000).to_bytes(4, "little"), lie))
    with pytest.raises(HarnessError, match="damaged archive"):
        unpack(tmp_path / "x.zip", tmp_path / "out")


@pytest.mark.parametrize("make", MAKERS)
def test_truncated_archives_are_told(tmp_path: Path, make: Callable[[Path, Members], Path]) -> None:
    from harness.foundation.rng import numpy_stream

    archive = make(tmp_path / "archive", [(f"{i}.png", numpy_stream("archive", i).bytes(30_000)) for i in range(4)])
    archive.write_bytes(archive.read_bytes()[:70_000])
    with pytest.raises(HarnessError, match="damaged archive|neither zip nor tar"):
        unpack(archive, tmp_path / "out")


def test_encrypted_archives_are_told(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "x.zip", [("x.png", IMAGE)])
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the flag in the local header ...
    content[content.index(b"PK\x01\x02") + 8] |= 1  # ... and in the directory
    path.write_bytes(content)
    with pytest.raises(HarnessError, match="cannot be unpacked .*encrypted"):
        unpack(path, tmp_path / "out")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"<!DOCTYPE html><html>Google Drive - Virus scan warning</html>", "is a web page instead of an archive"),
        (b"  <html>", "is a web page instead of an archive"),
        (b"Rar!\x1a\x07\x00", "is neither zip nor tar"),
        (b"", "is neither zip nor tar|damaged archive|holds no images"),
    ],
)
def test_other_files_are_no_archives(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(HarnessError, match=problem):
        unpack(tmp_path / "x.zip", tmp_path / "out")


def test_an_archive_without_wanted_images_is_told(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "x.zip", [("LR/x.png", IMAGE)])
    with pytest.raises(HarnessError, match=r"holds no images under any folder that match HR/\*"):
        unpack(archive, tmp_path / "out", keep=["HR/*"])
    with pytest.raises(HarnessError, match=r"holds no images under HR that match \*"):
        unpack(archive, tmp_path / "out", root="HR")
