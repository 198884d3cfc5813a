"""Whether a place can be written, asked before hours are spent on what it is to hold."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from harness.foundation.errors import HarnessError
from harness.foundation.files import existing, explain_os_errors


def check_file(target: str | Path) -> None:
    """Refuse a file that cannot be written; nothing is left behind, and a file that is there stays as it is.

    Raises:
        HarnessError: a folder has its name, its folder cannot be written or made, or the disk is full.
    """
    target = Path(target)
    with explain_os_errors(target):
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    _try(target, target.parent)


def check_folder(target: str | Path) -> None:
    """Refuse a folder that cannot be written or made; nothing is left behind.

    Raises:
        HarnessError: a file has its name, it cannot be written or made, or the disk is full.
    """
    _try(Path(target), Path(target))


def _try(target: Path, folder: Path) -> None:
    """Make a file in a folder, or in the nearest one above it that exists, and remove it; errors name ``target``."""
    with explain_os_errors(target):
        try:
            with tempfile.NamedTemporaryFile(prefix=".writable-", dir=existing(folder)):
                pass
        except FileNotFoundError as error:  # what /proc says of every name: it exists, and nothing can be made in it
            raise HarnessError(
                f"{target}: cannot be written (nothing can be made in this folder); choose another place"
            ) from error
