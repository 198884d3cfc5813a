"""Unpacking archives from the internet: only the images asked for, nothing outside the folder, nothing endless."""

from __future__ import annotations

import bz2
import fnmatch
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from harness.datasets.progress import progress
from harness.foundation.errors import HarnessError
from harness.foundation.files import explain_os_errors
from harness.foundation.images import SUFFIXES

_CHUNK = 1 << 20  # bytes
_EXPANSION = 50  # images hardly compress: an archive that grows more than this is a bomb
_ALLOWANCE = 10_000_000  # bytes that any archive may grow to
_AT_ONCE = 4 << 20  # bytes: nothing in an archive of images is read whole that is larger than this, such as a header
_BLOCK = 4096  # bytes of disk that a file takes at least
_LONGEST_NAME, _LONGEST_PART = 1000, 255  # characters of a path, bytes of each part of it: what file systems take
_SHOWN = 100  # characters of a name
_EXTENDED = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_COMPRESSIONS: dict[bytes, Callable[[Path, str], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}


@dataclass(frozen=True)
class _Member:
    """One entry of an archive: its name, whether it is a plain file, and how to read it."""

    name: str
    plain: bool
    open: Callable[[], IO[bytes]]


def unpack(archive: Path, target: Path, root: str = "", keep: Sequence[str] = ("*",)) -> list[Path]:
    """Unpack the images of a zip or tar file into an empty folder.

    Args:
        archive: the file; its kind is taken from its content.
        target: folder to create or fill; paths below ``root`` are kept below it.
        root: leading path of the wanted members, removed from their names.
        keep: patterns of the wanted members below ``root``; ``*`` matches anything.

    Returns:
        the unpacked files, in the order of the archive.

    Raises:
        HarnessError: not an archive, damaged or encrypted; a member leads outside the folder, is wanted but a link or
            a device, or comes twice; the content is larger than an archive of images can be; nothing is wanted.
    """
    limit = _EXPANSION * archive.stat().st_size + _ALLOWANCE
    written: list[Path] = []
    with _explained(archive), _members(archive, limit) as members:
        for member in progress(members, None, f"unpack {archive.name}", "file"):
            path = _wanted(archive, member.name, root, keep)
            if path is None:
                continue
            if not member.plain:
                shown = member.name[:_SHOWN]
                raise HarnessError(f"{archive}: {shown!r} is a link or a device; this archive cannot be trusted")
            place = target / path
            with explain_os_errors(place):
                place.parent.mkdir(parents=True, exist_ok=True)
                limit -= max(_copy(member, place, limit, archive), _BLOCK)
                if limit < 0:
                    raise _too_large(archive)
            written.append(place)
    if not written:
        raise HarnessError(f"{archive}: holds no images under {root or 'any folder'} that match {', '.join(keep)}")
    return written


@contextmanager
def _members(archive: Path, limit: int) -> Iterator[Iterator[_Member]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            yield (_zip_member(opened, info) for info in opened.infolist() if not info.is_dir())
        return
    with open(archive, "rb") as stream:
        start = stream.read(512)
    reader = next((make for magic, make in _COMPRESSIONS.items() if start.startswith(magic)), open)
    with _Bounded(reader(archive, "rb"), archive) as content:
        try:
            opened_tar = tarfile.TarFile(
                fileobj=content,  # type: ignore[arg-type]  # all that it needs of a file
                tarinfo=_tar_headers(archive),
            )
        except tarfile.ReadError as error:
            web = start.lstrip().lower().startswith((b"<!doctype", b"<html"))
            what = "a web page instead of an archive" if web else "neither zip nor tar"
            raise HarnessError(f"{archive}: is {what}") from error
        with opened_tar:
            yield _tar_members(opened_tar, limit, archive)


class _Bounded:
    """A stream that refuses to be read in large pieces: tarfile takes headers into memory whole, however long."""

    def __init__(self, stream: IO[bytes], archive: Path) -> None:
        self._stream, self._archive = stream, archive
        self.name = str(archive)
        self.mode = "rb"

    def __enter__(self) -> _Bounded:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stream.close()

    def read(self, size: int = -1) -> bytes:
        """Read at most ``size`` bytes.

        Raises:
            HarnessError: that many at once are no part of an archive of images.
        """
        if not 0 <= size <= _AT_ONCE:
            raise HarnessError(f"{self._archive}: holds a header of {size:,} bytes; this archive cannot be trusted")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place in the content."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Return the place in the content."""
        return self._stream.tell()


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Member:
    mode = info.external_attr >> 16
    plain = stat.S_IFMT(mode) in (0, stat.S_IFREG)
    return _Member(info.orig_filename, plain, lambda: archive.open(info))


def _tar_headers(path: Path) -> type[tarfile.TarInfo]:
    """Return a reader of the headers of one tar file, which adds up what tarfile would keep of them."""
    kept = 0  # bytes of global headers, which stay
    left = _AT_ONCE  # bytes for the headers of one member, which tarfile reads inside of each other

    class Header(tarfile.TarInfo):
        @classmethod
        def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Header:
            nonlocal kept, left
            info = super().frombuf(buf, encoding, errors)
            kept += info.size if info.type == tarfile.XGLTYPE else 0
            left = left - info.size if info.type in _EXTENDED else _AT_ONCE - kept
            if info.size < 0 or left < 0:
                raise HarnessError(f"{path}: holds a header of {info.size:,} bytes; this archive cannot be trusted")
            if info.type == tarfile.GNUTYPE_SPARSE:
                cls._refuse_sparse()
            return info

        @staticmethod
        def _refuse_sparse(*arguments: object) -> None:
            raise HarnessError(f"{path}: holds a sparse file, whose map may be endless; this archive cannot be trusted")

        _proc_gnusparse_10 = _refuse_sparse

    return Header


def _tar_members(archive: tarfile.TarFile, limit: int, path: Path) -> Iterator[_Member]:
    """Yield members as they come; what is skipped counts too, because it must be decompressed."""

    def open_member(member: tarfile.TarInfo) -> IO[bytes]:
        stream = archive.extractfile(member)
        assert stream is not None, "only plain files are opened"
        return stream

    before = -1
    while (member := archive.next()) is not None:
        archive.members.clear()  # type: ignore[attr-defined]  # tarfile keeps them all, and there may be millions
        if archive.offset > limit:
            raise _too_large(path)
        if archive.offset <= before:
            raise HarnessError(f"{path}: leads back to where it was; this archive cannot be trusted")
        before = archive.offset
        if not member.isdir():
            yield _Member(member.name, member.isreg(), partial(open_member, member))


def _too_large(archive: Path) -> HarnessError:
    return HarnessError(f"{archive}: unpacks to more than {_EXPANSION} times its size; this is no archive of images")


def _wanted(archive: Path, name: str, root: str, keep: Sequence[str]) -> Path | None:
    """Return where a member goes below the target, or None if it is not wanted."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in "".join(path.parts[:1]) or "\0" in name:
        raise HarnessError(f"{archive}: {name[:_SHOWN]!r} leads outside the folder; this archive cannot be trusted")
    if path.suffix.lower() not in SUFFIXES or any(part.startswith((".", "__MACOSX")) for part in path.parts):
        return None
    if root and not path.is_relative_to(root):
        return None
    inner = path.relative_to(root) if root else path
    if not any(fnmatch.fnmatchcase(inner.as_posix(), pattern) for pattern in keep):
        return None
    if len(name) > _LONGEST_NAME or any(len(part.encode(errors="replace")) > _LONGEST_PART for part in path.parts):
        raise HarnessError(f"{archive}: {name[:_SHOWN]!r}... is too long a name; this archive cannot be trusted")
    return Path(*inner.parts)


def _copy(member: _Member, place: Path, limit: int, archive: Path) -> int:
    """Copy a member, counting what really comes out of it, and return its size in bytes."""
    size = 0
    if place.exists():
        raise HarnessError(f"{archive}: two of its files have one name ({place}); it cannot be trusted")
    with member.open() as source, open(place, "xb") as sink:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > limit:
                raise _too_large(archive)
            sink.write(chunk)
    return size


@contextmanager
def _explained(archive: Path) -> Iterator[None]:
    """Turn what zipfile, tarfile and the decompressors raise into one line."""
    try:
        yield
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise HarnessError(f"{archive}: damaged archive ({error}); delete it and fetch again") from error
    except (RuntimeError, NotImplementedError, MemoryError) as error:  # zipfile: encrypted, or an unknown compression
        raise HarnessError(
            f"{archive}: cannot be unpacked ({error}); unpack it by hand, then run `python -m harness adopt`"
        ) from error
