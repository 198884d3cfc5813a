"""The project: a working directory that adds to the harness, outside its repository.

Where the working directory has a folder ``configs/`` of its own, its catalogues (``networks.yaml``,
``regularizers.yaml``, ``datasets.yaml``, ``degradations.yaml``, ``metrics.yaml``) add entries to the harness's, and
``workflow/regularizers/*.smk`` its rules. Code is named by import path and found as Python finds it: in the working
directory, or installed.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from harness.foundation.errors import HarnessError
from harness.foundation.names import check_distinct

ROOT = Path(__file__).resolve().parents[2]
"""The harness's checkout: the folder of the Snakefile, ``pyproject.toml`` and ``configs/``."""

Entry = TypeVar("Entry")


def own_file(path: str) -> Path | None:
    """Return ``path`` below the working directory, if it is there and not the harness's own."""
    own = Path(path)
    return own if own.exists() and own.resolve() != (ROOT / path).resolve() else None


def with_own(entries: Mapping[str, Entry], name: str, read: Callable[[Path], Mapping[str, Entry]]) -> dict[str, Entry]:
    """Return catalogue entries with those that the project adds.

    Args:
        entries: the harness's.
        name: of the catalogue's file, such as ``networks.yaml``.
        read: reads a file like it.

    Raises:
        HarnessError: the project's file is wrong, or gives a name of the harness, in whatever case, another meaning.
    """
    path = own_file(f"configs/{name}")
    added = read(path) if path else {}
    for key, entry in added.items():
        if key in entries and entries[key] != entry:
            raise HarnessError(f"{path}: {key!r}: the harness has another entry of that name; choose another name")
    check_distinct((*entries, *added), "harness's entry", str(path))
    return {**entries, **added}


def import_function(path: str, what: str) -> Callable[..., Any]:
    """Return the function at ``module:function``.

    Args:
        path: the import path.
        what: what needs it, for errors.

    Raises:
        HarnessError: there is none.
    """
    module_name, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), name, None)
    except ImportError as error:
        raise HarnessError(f"{what}: {path!r}: module {module_name!r} cannot be imported ({error})") from error
    if not callable(found):
        raise HarnessError(f"{what}: {path!r}: no function {name!r} in {module_name}")
    return found
