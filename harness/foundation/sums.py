"""Sums: a result that is read is the one that was written, at the place where it was written.

Beside a result lies ``<file>.sha256``: one line of its SHA-256 and its place (the last three parts of its path), as
``sha256sum`` writes them. :func:`check` compares both before a file is used, so that a byte that a disk, a copy or a
person changed, and a file of another run or data set, never reach a table. A sum beside the file, not inside of it:
there is one of them whatever the format, and anybody can check it without this package.

The sum is removed before the new file is renamed into place and written after it: a kill in between leaves a file
without a sum, never a good file with a wrong one. Files without a sum, as earlier versions left them, are used, with
one warning in every process. Snakemake knows nothing of sums: as outputs they would cost planning time in every job.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.files import atomic_path, file_sha256, write_text

SUFFIX = ".sha256"

_PLACE = 3  # parts of a path: kind, owner, name
_checked: set[tuple[str, int, int, int]] = set()
_warned: list[Path] = []


@contextmanager
def sealed_path(target: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``target``, put it into place as :func:`atomic_path` does, and write its sum.

    Raises:
        HarnessError: the disk is full or the folder cannot be written.
    """
    target = Path(target)
    with atomic_path(target) as temporary:
        yield temporary
        line = _line(temporary, target)
        sum_path(target).unlink(missing_ok=True)
    write_text(sum_path(target), line)


def seal_text(target: str | Path, content: str) -> None:
    """Write ``content`` to ``target`` atomically, as UTF-8 with Unix line ends, with its sum."""
    with sealed_path(target) as path:
        path.write_bytes(content.encode())


def seal_json(target: str | Path, content: Any) -> None:
    """Write ``content`` to ``target`` atomically, as indented JSON with sorted keys, with its sum."""
    seal_text(target, json.dumps(content, indent=2, sort_keys=True) + "\n")


def copy_sealed(source: str | Path, target: str | Path) -> None:
    """Copy a file and its sum, if it has one; a copy that is not what its sum says is refused.

    Raises:
        HarnessError: the source is not what was written, or the disk is full.
    """
    source, target = Path(source), Path(target)
    with atomic_path(target) as path:
        shutil.copyfile(source, path)
        wanted = _read_sum(source)
        if wanted is not None and wanted != _line(path, target):
            raise HarnessError(f"{source}: {_difference(wanted, _line(path, target))}; nothing was copied")
        sum_path(target).unlink(missing_ok=True)
    if wanted is not None:
        write_text(sum_path(target), wanted)


def sum_path(path: str | Path) -> Path:
    """Return where the sum of a file lies, present or not."""
    return Path(f"{path}{SUFFIX}")


def adopt_sum(source: Path, target: Path) -> None:
    """Give ``target`` the sum of a file of equal bytes, where it has none and ``source`` has one that fits."""
    wanted = _read_sum(source)
    if wanted is not None and _read_sum(target) is None and wanted == _line(target, target):
        write_text(sum_path(target), wanted)


def has_sum(path: Path) -> bool:
    """Whether a file has a sum beside it."""
    return sum_path(path).is_file()


def check(path: str | Path) -> None:
    """Raise an error if a file is not what was written at its place; a missing file is left to who reads it.

    A file that this process has checked, and that was not touched since, is not read again.

    Raises:
        HarnessError: one line with the command that makes the file again.
    """
    path = Path(path)
    if (problem := altered(path)) is not None:
        raise HarnessError(f"{path}: {problem}; {layout.remedy(path)}")


def altered(path: Path) -> str | None:
    """Say how a file differs from what was written at its place, or return None if it does not."""
    try:
        if not path.is_file():
            return None
        found = os.stat(path)
        key = (str(path.absolute()), found.st_ino, found.st_size, found.st_ctime_ns)
        if key in _checked:
            return None
        wanted = _read_sum(path)
        if wanted is None:
            _warn(path)
            return None
        line = _line(path, path)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if line != wanted and _read_sum(path) == wanted:  # else another process put a new one there meanwhile
        return _difference(wanted, line)
    _checked.add(key)
    return None


def altered_below(folder: Path) -> list[str]:
    """Return a line for every file below ``folder`` that is not what its sum says, with what makes it again."""
    files = [Path(str(path).removesuffix(SUFFIX)) for path in sorted(folder.rglob(f"*{SUFFIX}"))]
    problems = {path: problem for path in files if (problem := altered(path)) is not None}
    return [f"{path}: {problem}; {layout.remedy(path)}" for path, problem in problems.items()]


def _line(content: Path, target: Path) -> str:
    place = "/".join(target.parts[-_PLACE:])
    return f"{file_sha256(content)}  {place}\n"


def _read_sum(path: Path) -> str | None:
    try:
        return sum_path(path).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def _difference(wanted: str, found: str) -> str:
    """Say how two sums differ."""
    if not wanted[:64].isalnum() or len(wanted) < 64:
        return "its sum beside it is damaged"
    if wanted[:64] != found[:64]:
        return f"not what was written (SHA-256 {found[:8]}..., written {wanted[:8]}...)"
    return f"written as {wanted[66:].rstrip()}, not for this place"


def _warn(path: Path) -> None:
    """Say once that a file has no sum."""
    if not _warned:
        _warned.append(path)
        print(
            f"warning: {path}: no {sum_path(path).name} beside it, as an earlier version or an interruption leaves it: "
            "changes cannot be seen, and it is taken as it is; said once",
            file=sys.stderr,
        )
