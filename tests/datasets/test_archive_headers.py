"""Archives whose headers are the weapon: endless names and attributes, millions of members, offsets that go back."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from harness.datasets import archive as archives
from harness.datasets.archive import unpack
from harness.foundation.errors import HarnessError
from tests.datasets.test_archive import IMAGE, files, make_zip


def header(kind: bytes, size: int, name: str = "x.png") -> bytes:
    """One header block that claims ``size`` bytes of content."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def member(name: str, content: bytes, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A header and its content, in whole blocks."""
    return header(kind, len(content), name) + content + bytes(-len(content) % 512)


def pax(key: str, value: str) -> bytes:
    """The content of a PAX header with one record, whose length includes its own digits."""
    rest = f" {key}={value}\n".encode()
    length = len(rest) + len(str(len(rest)))
    length = len(rest) + len(str(length))
    return str(length).encode() + rest


def packed(folder: Path, *parts: bytes) -> Path:
    path = folder / "x.tar.gz"
    with gzip.open(path, "wb", 1) as stream:
        for part in (*parts, bytes(1024)):
            stream.write(part)
    return path


def refused(archive: Path, match: str) -> None:
    with pytest.raises(HarnessError, match=match) as caught:
        unpack(archive, archive.parent / "out")
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400


KINDS = {
    "x": tarfile.XHDTYPE,
    "g": tarfile.XGLTYPE,
    "X": tarfile.SOLARIS_XHDTYPE,
    "L": tarfile.GNUTYPE_LONGNAME,
    "K": tarfile.GNUTYPE_LONGLINK,
}


@pytest.mark.parametrize("place", ["first", "later"])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_a_long_header_takes_no_memory(tmp_path: Path, kind: bytes, place: str) -> None:
    size = 30_000_000
    first = [member("a.png", IMAGE)] if place == "later" else []
    path = packed(tmp_path, *first, header(kind, size), bytes(size), member("x.png", IMAGE))
    assert path.stat().st_size < size / 100
    tracemalloc.start()
    try:
        refused(path, "holds a header of 30,000,000 bytes; this archive cannot be trusted")
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", [tarfile.XGLTYPE, tarfile.XHDTYPE], ids=["global", "of headers"])
def test_headers_that_stay_are_limited_together(tmp_path: Path, kind: bytes) -> None:
    parts = [member("", pax(f"comment{i}", "x" * 1_000_000), kind) for i in range(30)]
    path = packed(tmp_path, *parts, member("x.png", IMAGE))
    tracemalloc.start()
    try:
        refused(path, r"holds a header of 1,000,0\d\d bytes; this archive cannot be trusted")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_ordinary_headers_are_read(tmp_path: Path) -> None:
    name = "deep/" * 40 + "x.png"
    for kind in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(tmp_path / "x.tar", "w", format=kind) as archive:
            info = tarfile.TarInfo(name)
            info.size, info.pax_headers = len(IMAGE), {"comment": "y" * 9000}
            archive.addfile(info, io.BytesIO(IMAGE))
        out = tmp_path / str(kind)
        unpack(tmp_path / "x.tar", out)
        assert files(out) == [name]


def test_millions_of_members_that_nobody_wants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_ALLOWANCE", 100_000)
    path = packed(tmp_path, header(tarfile.REGTYPE, 0, "x.txt") * 10_000, member("x.png", IMAGE))
    refused(path, "unpacks to more than 50 times its size; this is no archive of images")


def test_empty_images_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_ALLOWANCE", 10_000)
    monkeypatch.setattr(archives, "_EXPANSION", 2)
    path = make_zip(tmp_path / "x.zip", [(f"{i}.png", b"") for i in range(100)])
    refused(path, "unpacks to more than 2 times its size")
    assert len(files(tmp_path / "out")) < 12


def test_members_are_not_kept(tmp_path: Path) -> None:
    path = packed(tmp_path, *[header(tarfile.REGTYPE, 0, f"{i}.txt") for i in range(5000)], member("x.png", IMAGE))
    tracemalloc.start()
    try:
        unpack(path, tmp_path / "out")
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", ["-1536", "-999999"])
def test_offsets_that_go_back_do_not_loop(tmp_path: Path, size: str) -> None:
    attributes = pax("size", size)
    path = packed(
        tmp_path, member("a.png", IMAGE), member("", attributes, tarfile.XHDTYPE), member("x.txt", b""), bytes(2048)
    )
    refused(path, "cannot be trusted|damaged archive|neither zip nor tar")


def test_a_negative_size_is_refused(tmp_path: Path) -> None:
    block = bytearray(header(tarfile.REGTYPE, 0, "x.txt"))
    block[124:136] = b"\xff" * 8 + (-1024).to_bytes(4, "big", signed=True)
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    refused(packed(tmp_path, member("a.png", IMAGE), bytes(block)), "holds a header of -1,024 bytes|damaged archive")


def test_sparse_files_are_refused(tmp_path: Path) -> None:
    refused(packed(tmp_path, header(tarfile.GNUTYPE_SPARSE, 512)), "holds a sparse file")
    attributes = pax("GNU.sparse.major", "1") + pax("GNU.sparse.minor", "0")
    path = packed(tmp_path, member("", attributes, tarfile.XHDTYPE), member("x.png", b"9" * 512 * 1000))
    refused(path, "holds a sparse file")


def test_headers_of_headers_of_headers(tmp_path: Path) -> None:
    path = packed(tmp_path, member("", pax("comment", "x"), tarfile.XHDTYPE) * 3000, member("x.png", IMAGE))
    refused(path, "cannot be unpacked|damaged archive|neither zip nor tar")


@pytest.mark.parametrize("name", ["x" * 60_000 + ".png", "d/" * 25_000 + "x.png", "../" * 20_000 + "x.png"])
def test_names_without_end(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), IMAGE)
    refused(tmp_path / "x.zip", "is too long a name|leads outside the folder")
