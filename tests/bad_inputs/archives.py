"""Archives from the internet, as ``fetch`` unpacks them."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from harness.datasets.archive import unpack
from tests.bad_inputs.case import Case
from tests.bad_inputs.images import GOOD

BOMB = bytes(40_000_000)


def zipped(*members: tuple[str, bytes], mode: int = 0, encrypted: bool = False) -> bytes:
    """The bytes of a zip file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    packed = bytearray(stream.getvalue())
    if encrypted:  # the flag in the local and in the central header
        packed[6] |= 1
        packed[packed.index(b"PK\x01\x02") + 8] |= 1
    return bytes(packed)


def tarred(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    """The bytes of a compressed tar file."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, link, len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def archive(id: str, given: str, content: Callable[[], bytes], answer: str, status: int = 2) -> Case:
    """An archive that is unpacked into an empty folder."""

    def make(folder: Path) -> None:
        (folder / "archive").write_bytes(content())

    def call(folder: Path) -> None:
        written = unpack(Path("archive"), Path("out"))
        assert [path.as_posix() for path in written] == ["out/x.png"]
        print(answer)

    line = answer if status == 0 else f"archive: {answer}"
    return Case(f"archive-{id}", given, "fetch", line, make, status, call=call)


OUTSIDE = "leads outside the folder; this archive cannot be trusted"
LINK = "'x.png' is a link or a device; this archive cannot be trusted"
LARGE = "unpacks to more than 50 times its size; this is no archive of images"

CASES = [
    archive("zip-escape", "zip with ../x.png", lambda: zipped(("../x.png", GOOD)), f"'../x.png' {OUTSIDE}"),
    archive(
        "tar-escape", "tar with a/../../x.png", lambda: tarred(("a/../../x.png", GOOD)), f"'a/../../x.png' {OUTSIDE}"
    ),
    archive("absolute", "zip with /tmp/x.png", lambda: zipped(("/tmp/x.png", GOOD)), f"'/tmp/x.png' {OUTSIDE}"),
    archive("drive", "zip with C:/x.png", lambda: zipped(("C:/x.png", GOOD)), f"'C:/x.png' {OUTSIDE}"),
    archive("backslash", r"zip with ..\x.png", lambda: zipped(("..\\x.png", GOOD)), rf"'..\\x.png' {OUTSIDE}"),
    archive(
        "tar-symlink",
        "tar with a symbolic link",
        lambda: tarred(("x.png", b""), kind=tarfile.SYMTYPE, link="/etc/passwd"),
        LINK,
    ),
    archive(
        "tar-hardlink",
        "tar with a hard link",
        lambda: tarred(("x.png", b""), kind=tarfile.LNKTYPE, link="/etc/passwd"),
        LINK,
    ),
    archive("tar-device", "tar with a device", lambda: tarred(("x.png", b""), kind=tarfile.CHRTYPE), LINK),
    archive(
        "zip-symlink",
        "zip with a symbolic link",
        lambda: zipped(("x.png", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777),
        LINK,
    ),
    archive("zip-bomb", "zip of 40 kB that unpacks to 40 MB", lambda: zipped(("x.png", BOMB)), LARGE),
    archive(
        "tar-bomb",
        "the same as tar, in a member that nobody wants",
        lambda: tarred(("x.bin", BOMB), ("x.png", GOOD)),
        LARGE,
    ),
    archive(
        "twice",
        "two members of one name",
        lambda: tarred(("x.png", GOOD), ("./x.png", b"")),
        "two of its files have one name (out/x.png); it cannot be trusted",
    ),
    archive(
        "encrypted",
        "encrypted zip",
        lambda: zipped(("x.png", GOOD), encrypted=True),
        "cannot be unpacked (...encrypted...); unpack it by hand, then run `python -m harness adopt`",
    ),
    archive(
        "truncated",
        "tar cut in half",
        lambda: tarred(("x.png", GOOD))[:-40],
        "damaged archive (...); delete it and fetch again",
    ),
    archive(
        "wrong-crc",
        "zip with a wrong byte",
        lambda: zipped(("x.png", GOOD)).replace(b"IDAT", b"IDAX"),
        "damaged archive (...); delete it and fetch again",
    ),
    archive(
        "web-page",
        "a web page in place of an archive",
        lambda: b"<!DOCTYPE html><p>quota",
        "is a web page instead of an archive",
    ),
    archive("rar", "another format", lambda: b"Rar!\x1a\x07\x01\x00" + bytes(600), "is neither zip nor tar"),
    archive(
        "no-images",
        "an archive without images",
        lambda: zipped(("readme.txt", b"hello")),
        "holds no images under any folder that match *",
    ),
    archive(
        "hidden",
        "macOS's hidden copies beside the images",
        lambda: zipped(("__MACOSX/._x.png", b""), ("x.png", GOOD)),
        "unpacked without them",
        0,
    ),
]
