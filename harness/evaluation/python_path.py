"""A folder for the import path of each model from outside: two repositories may call their package `model`."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

_KEPT = {"harness", "torch", "numpy"} | sys.stdlib_module_names
"""What a repository cannot replace, whatever its folders are called."""


@dataclass(frozen=True)
class _Selected:
    folder: Path
    displaced: dict[str, ModuleType]


_selected: list[_Selected] = []  # one at most


def select(folder: Path | None) -> None:
    """Put ``folder`` first on this process's search path, in place of the one that was selected before.

    Modules of the former folder are forgotten, and those that the new one hides, such as an installed package of the
    same name, are put aside until another folder is selected. It stays selected, as networks import when they run, too.

    Args:
        folder: of a repository; None for no folder of its own.
    """
    while _selected:
        _leave(_selected.pop())
    if folder is None:
        return
    folder = folder.resolve()
    hidden = _packages(folder) - _KEPT
    displaced = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in hidden}
    for name in displaced:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    _selected.append(_Selected(folder, displaced))


def _leave(former: _Selected) -> None:
    if str(former.folder) in sys.path:
        sys.path.remove(str(former.folder))
    hidden = _packages(former.folder) - _KEPT
    for name in [name for name in sys.modules if name.partition(".")[0] in hidden]:
        del sys.modules[name]
    sys.modules.update(former.displaced)
    importlib.invalidate_caches()


def _packages(folder: Path) -> set[str]:
    """Return the names that can be imported from a folder."""
    modules = {path.stem for path in folder.glob("*.py")}
    return modules | {path.parts[-2] for path in folder.glob("*/*.py")} | {p.parts[-3] for p in folder.glob("*/*/*.py")}
