"""Data sets that a person leaves out of an experiment's evaluation for now, because they are not there.

``HARNESS_WITHOUT``, which ``--without`` and ``snakemake --config without=`` set, names them. The experiment is the one
whose file does not list them: what is measured, and with it the names of all metrics, follows from what is left.
"""

from __future__ import annotations

import os
from typing import Any

from harness.foundation.errors import HarnessError

WITHOUT = "HARNESS_WITHOUT"

_FIELDS = ("datasets", "real_paired", "real_unpaired", "systematic")


def left_out_names() -> tuple[str, ...]:
    """Return the names that ``HARNESS_WITHOUT`` holds, separated by commas."""
    names = (name.strip() for name in os.environ.get(WITHOUT, "").split(","))
    return tuple(dict.fromkeys(filter(None, names)))


def without(data: Any, names: tuple[str, ...], source: str) -> Any:
    """Return the content of an experiment's file without some data sets of its evaluation.

    Args:
        data: the content, not checked yet.
        names: of the data sets.
        source: the file, for errors.

    Raises:
        HarnessError: the experiment does not evaluate one of them, or nothing else.
    """
    section = data.get("evaluation") if isinstance(data, dict) else None
    if not names or not isinstance(section, dict):
        return data
    lists = {field: section[field] for field in _FIELDS if isinstance(section.get(field), list)}
    known = list(dict.fromkeys(_name(entry) for field in lists for entry in lists[field]))
    for name in names:
        if name not in known:
            shown = ", ".join(map(str, known))
            raise HarnessError(
                f"{source}: --without {name} (or HARNESS_WITHOUT): not evaluated here; there are: {shown}"
            )
    rest = {field: [entry for entry in listed if _name(entry) not in names] for field, listed in lists.items()}
    if lists.get("datasets") and not rest["datasets"]:
        raise HarnessError(f"{source}: --without {','.join(names)}: nothing would be left of evaluation.datasets")
    return {**data, "evaluation": {**section, **rest}}


def _name(entry: Any) -> Any:
    return entry.get("dataset") if isinstance(entry, dict) else entry
