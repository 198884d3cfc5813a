"""Atomic writes and checksums: a file is whole or it is not there."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.foundation.errors import HarnessError

_CHUNK = 1 << 20  # bytes
_NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)  # Lustre without the mount option, some network file systems


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``target``; on success fsync it and rename it into place.

    The temporary name keeps the suffix of ``target``, because libraries choose formats by it. On any exception the
    temporary file is removed and an existing ``target`` is left as it was.

    Raises:
        HarnessError: the disk is full or the folder cannot be written.
    """
    target = Path(target)
    with explain_os_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.stem}.", suffix=target.suffix, dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            _fsync(temporary)
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(target)
            _fsync(target.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def explain_os_errors(target: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write ``target`` into one clear line."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise HarnessError(
                f"{target}: the disk is full; free some space and run again, nothing finished is lost"
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise HarnessError(
                f"{target}: cannot be written ({error.strerror}); change its permissions or its place"
            ) from error
        if error.errno in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG):
            raise HarnessError(
                f"{target}: cannot be written ({error.strerror}); something else lies there, or its name cannot be "
                "used: move it away"
            ) from error
        raise


@contextmanager
def exclusive(path: str | Path, waiting: str) -> Iterator[None]:
    """Hold a lock file against other processes; wait for it if need be. The kernel frees it when the holder ends.

    Args:
        path: the lock file; it is made and stays.
        waiting: what to print, once, when another process holds it.
    """
    path = Path(path)
    with explain_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("w")
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(waiting, flush=True)
            fcntl.flock(stream, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            print(f"warning: {path}: this file system has no locks ({error.strerror}); going on without", flush=True)
        yield


def existing(folder: str | Path) -> Path:
    """Return ``folder``, or the nearest one above it that exists."""
    place = Path(folder).absolute()
    while not place.exists():
        place = place.parent
    return place


def write_bytes(target: str | Path, content: bytes) -> None:
    """Write ``content`` to ``target`` atomically."""
    with atomic_path(target) as path:
        path.write_bytes(content)


def write_text(target: str | Path, content: str) -> None:
    """Write ``content`` to ``target`` atomically, as UTF-8 with Unix line ends."""
    write_bytes(target, content.encode())


def copy_file(source: str | Path, target: str | Path) -> None:
    """Copy a file's bytes to ``target`` atomically; its time is that of the copy."""
    with atomic_path(target) as path:
        shutil.copyfile(source, path)


def write_json(target: str | Path, content: Any) -> None:
    """Write ``content`` to ``target`` atomically, as indented JSON with sorted keys."""
    write_text(target, json.dumps(content, indent=2, sort_keys=True) + "\n")


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def canonical_json(content: Any) -> str:
    """Return the one JSON text of ``content``: sorted keys, no spaces, no NaN. Hashes are taken over it."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def content_hash(content: Any) -> str:
    """Return the SHA-256 of the canonical JSON of ``content``, in hexadecimal."""
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
