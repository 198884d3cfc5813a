"""``extends:``: an experiment as another one's file with some fields changed.

The two are merged before anything is checked, so that what follows, hashes of specs included, is that of the same
experiment written out. Sections are merged key by key; lists and single values replace those of the other file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from harness.foundation.errors import HarnessError
from harness.foundation.project import ROOT
from harness.foundation.yamlfile import load_yaml

KEY = "extends"


def load_extended(path: Path) -> tuple[Any, str]:
    """Read an experiment's file and what it extends.

    Returns:
        The content, without ``extends``, and the files it comes from, for errors: ``a.yaml (extends b.yaml)``.

    Raises:
        HarnessError: a file is missing or no mapping, ``extends`` names none, or files extend each other in a circle.
    """
    return _load(path, ())


def _load(path: Path, seen: tuple[Path, ...]) -> tuple[Any, str]:
    data = load_yaml(path)
    if not isinstance(data, dict) or KEY not in data:
        return data, str(path)
    named = data[KEY]
    if not isinstance(named, str) or not named:
        raise HarnessError(f"{path}: {KEY}: {named!r}: give one experiment: a file, or a name in configs/experiments")
    other = _find(path, named)
    known = (*seen, path.resolve())
    if other.resolve() in known:
        raise HarnessError(f"{path}: {KEY}: {named}: leads back to {other}; an experiment cannot extend itself")
    below, source = _load(other, known)
    if not isinstance(below, dict):
        raise HarnessError(f"{path}: {KEY}: {other}: is no experiment, which is a mapping of fields")
    changes = {key: value for key, value in data.items() if key != KEY}
    return merged(below, changes), f"{path} ({KEY} {source})"


def _find(path: Path, named: str) -> Path:
    """Return the file that ``extends`` names: beside the file that says so, from the working directory, or by name."""
    if re.fullmatch(r"[\w-]+", named):
        places = [path.parent / f"{named}.yaml", ROOT / "configs/experiments" / f"{named}.yaml"]
    else:
        places = [path.parent / named, Path(named)]
    for place in places:
        if place.is_file():
            return place
    tried = " nor ".join(dict.fromkeys(map(str, places)))
    raise HarnessError(f"{path}: {KEY}: {named}: no such experiment, neither {tried}")


def merged(below: dict[Any, Any], above: dict[Any, Any]) -> dict[Any, Any]:
    """Return ``below`` with the values of ``above``; mappings on both sides are merged in turn."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result
