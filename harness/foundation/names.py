"""Names that people give: one rule for all of them, checked where they enter.

A name becomes part of folders, file names, patterns of the workflow, commands of a shell, rows and headings of tables.
Letters, digits, _ and - mean nothing to any of these.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from harness.foundation.errors import HarnessError

LONGEST = 64
"""Characters: a run's folder is called after two names, and file systems allow 255 bytes."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
"""What a name looks like. Dots join the names of which a folder's name consists."""

MARK = "--"
"""Stands between a regularizer and its options in the names of folders, and so in no variant's name."""

RESERVED = {
    "data set": ("real", "average"),
    "degradation": ("hr", "real", "average"),
    "metric": (
        *("main", "cost", "equal_cost", "published", "summary", "ranks", "failures", "test_time", "preview", "readme"),
        *("real_paired", "real_unpaired", "sweep", "sweep_numbers", "systematic"),
    ),
    "network": ("spandrel",),
    "regularizer": ("external", "reference"),
    "experiment": (
        *("benchmarks", "training_data", "runs", "state", "batches", "metrics", "failures", "times", "logs"),
        *("pack", "benchmark", "photographs", "train", "evaluate", "analyse", "analysis", "selection"),
    ),
}
"""Names by what they would be the name of, to which tables, files and folders give another meaning.

``real`` and ``average`` are rows and columns of tables, ``hr`` and ``real`` folders of a benchmark beside its
degradations. Each metric has a table by its name, beside tables of other names. Rows of models from outside and of
references say so where others have their regularizer, and a network can be ``spandrel``'s to recognize. Experiments
have folders below ``results/`` and ``results/logs/``.
"""


def check_name(name: Any, kind: str, place: str) -> str:
    """Return a name that can be used, as text.

    Args:
        name: as YAML or the command line gives it.
        kind: what it names, such as ``data set``: a key of :data:`RESERVED`, or any other.
        place: the file and the field, for errors.

    Raises:
        HarnessError: it is no name, is too long, or means something else already.
    """
    if name is None or isinstance(name, (bool, float)):
        raise HarnessError(f"{place}: {name!r}: YAML takes this name for no text; write it in quotes, or another one")
    text = str(name)
    if problem := name_problem(text, kind):
        raise HarnessError(f"{place}: {text!r}: {problem}")
    return text


def name_problem(name: str, kind: str) -> str | None:
    """Say why something cannot be called ``name``, and what to do, or return None."""
    if not NAME.fullmatch(name):
        return "use letters, digits, _ and - only, with a letter or digit first"
    if len(name) > LONGEST:
        return f"a {kind}'s name of {len(name)} characters; use {LONGEST} or fewer"
    if kind == "variant" and MARK in name:
        return f"{MARK} stands between a regularizer and its options in the names of folders; use one - or _"
    if name.casefold() in RESERVED.get(kind, ()):
        return f"a {kind} cannot be called so: tables or folders give this name another meaning; choose another one"
    return None


def image_name_problem(name: str) -> str | None:
    """Say why no table can hold an image's name, or return None. Blanks of every kind, joiners and scripts are fine.

    Args:
        name: what an image is called, without its suffix; a part of a path, not one.
    """
    if re.search("[\ud800-\udfff]", name):
        return "is not UTF-8"
    if "/" in name or name in ("", ".", ".."):
        return "is no name of a file"
    if re.search("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]", name):
        return "holds a tab or a line end"
    if any(unicodedata.category(letter) == "Cc" for letter in name):
        return "holds a control character"
    return None


def leaves_folder(path: str) -> bool:
    """Whether a path, written relative to a folder, may lead out of it."""
    return PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts


def check_distinct(names: Iterable[str], kind: str, place: str) -> None:
    """Refuse names that differ in upper and lower case only: on some file systems they are one folder.

    Raises:
        HarnessError: there are two.
    """
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise HarnessError(f"{place}: {name!r}: differs from the {kind} {other!r} in case only; rename one of them")
