"""Folders and files as people write them in configuration and settings, and as they lie on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from harness.foundation.errors import HarnessError


def expanded(path: str | Path, source: str) -> Path:
    """Return a path that somebody wrote, with the home folder for ``~``.

    Variables stay as they are: what a file means must not hang on the shell that it is read in, and a shell puts them
    into its own commands. A path that holds one and does not exist so is refused, before a folder gets its name.

    Args:
        path: as written.
        source: where, for errors.

    Raises:
        HarnessError: there is no such home folder, or a variable stands where a path was meant.
    """
    try:
        place = Path(path).expanduser()
    except RuntimeError as error:
        raise HarnessError(f"{source}: {str(path)!r}: no such home folder; write the whole path") from error
    if os.path.expandvars(str(path)) != str(path) and not place.exists():
        raise HarnessError(f"{source}: {str(path)!r}: variables are not replaced here; write the path itself, or ~")
    return place


def folders_below(folder: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Yield a folder and all below it, linked ones too, each once and with its files; both sorted.

    Raises:
        HarnessError: one of them cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise HarnessError(f"{error.filename}: cannot be read ({error.strerror}); change its permissions")

    seen = set()
    for place, names, files in os.walk(folder, onerror=refuse, followlinks=True):
        status = os.stat(place)
        if (status.st_dev, status.st_ino) in seen:
            names.clear()  # a link that leads back up
            continue
        seen.add((status.st_dev, status.st_ino))
        names.sort()
        yield Path(place), [path for name in sorted(files) if (path := Path(place, name)).is_file()]


def files_below(folder: Path) -> list[Path]:
    """Return all files below a folder, in linked folders too, sorted; errors are those of :func:`folders_below`."""
    return sorted(path for _, files in folders_below(folder) for path in files)
