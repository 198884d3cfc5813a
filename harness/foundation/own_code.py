"""The code behind an import path: the module it names and all of the user's own that this imports, without importing.

What decides a result lies in more files than the one that is named: a helper beside it, the package's ``__init__.py``,
another module of the project. Imports are read from the syntax trees, inside functions too, and followed to

- every module below the project's folder (the working directory) that Python finds;
- every module of the same top-level package as the named one, wherever that is installed; and, where it is not
  installed but lies on the path, every module beside it.

Libraries whose versions ``run.json`` records are not followed, and of the harness only regularizers are: the tables of
:mod:`harness.foundation.provenance` have the rest. A module that is found by a name computed while the code runs, and
files that it reads, are not seen.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.machinery import PathFinder
from pathlib import Path

from harness.foundation.provenance import LIBRARIES

_HARNESS = "harness"
_FOLLOWED = f"{_HARNESS}.regularizers."
_NO_RESULT = f"{_FOLLOWED}search"  # where tuning looks: what it drew is in the spec of each run
_LIBRARY_FOLDERS = {"site-packages", "dist-packages", "lib-dynload"}
_BY_NAME = {"import_module", "__import__"}


def source_files(paths: Iterable[str]) -> list[Path]:
    """Return the files of the modules that import paths name and of what they import of the user's own, none twice.

    Args:
        paths: ``package.module:name``, or ``package.module``.

    Returns:
        The files in the order of their modules' names, which is the same wherever they lie; none for what is not found.
    """
    found: dict[str, Path] = {}
    for path in paths:
        _Walk(path.partition(":")[0]).into(found)
    return [found[name] for name in sorted(found)]


class _Walk:
    """The modules that one module reaches."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._top = module.partition(".")[0]
        self._installed = _folder_of(self._top)
        self._beside = self._installed is not None and not _is_library(self._installed)

    def into(self, found: dict[str, Path]) -> None:
        """Add the files to ``found``, by the names of their modules."""
        waiting = [self._module]
        if self._top == _HARNESS or self._top in LIBRARIES:  # the named module alone, or what follows of regularizers
            path = self._locate(self._module)
            waiting = [] if path is None else self._next(self._module, path)
            found |= {} if path is None else {self._module: path}
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in seen or not self._follows(name):
                continue
            seen.add(name)
            if (path := self._locate(name)) is not None:
                found[name] = path
                waiting += self._next(name, path)
            waiting += [parent] if (parent := name.rpartition(".")[0]) else []  # its __init__.py runs before it

    def _next(self, name: str, path: Path) -> list[str]:
        if path.suffix != ".py":
            return []
        status = path.stat()
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        return list(_imports(str(path), package, status.st_mtime_ns, status.st_size))

    def _follows(self, name: str) -> bool:
        top = name.partition(".")[0]
        if top == _HARNESS:
            return name.startswith(_FOLLOWED) and name != _NO_RESULT
        return top not in LIBRARIES

    def _locate(self, name: str) -> Path | None:
        top, *rest = name.split(".")
        for root in self._roots(top):
            place = root.joinpath(top, *rest)
            for path in (place / "__init__.py", place.with_name(f"{place.name}.py")):
                if path.is_file():
                    return path
            if (compiled := next(iter(sorted(place.parent.glob(f"{place.name}.*.so"))), None)) is not None:
                return compiled
        return None

    def _roots(self, top: str) -> Iterator[Path]:
        """Yield the folders in which a top-level module may lie that is the user's own."""
        if top == self._top:
            if self._installed is not None:
                yield self._installed
            return
        if top == _HARNESS:
            yield Path(__file__).resolve().parents[2]
            return
        yield from _project_folders()
        if self._beside and self._installed is not None:
            yield self._installed


def _folder_of(top: str) -> Path | None:
    """Return the folder that holds a top-level module or package, as Python finds it; nothing is imported."""
    try:
        spec = PathFinder.find_spec(top) or importlib.util.find_spec(top)  # the second for editable installations
    except (ImportError, ValueError):  # ValueError: a module that somebody made by hand
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).absolute().parent
    return Path(spec.origin).absolute().parent if spec.has_location and spec.origin else None


def _project_folders() -> list[Path]:
    """Return the project's folder, and what of Python's path lies below it."""
    here = Path.cwd()
    places = [here, *(Path(entry).absolute() for entry in sys.path if entry)]
    return [place for place in dict.fromkeys(places) if place.is_relative_to(here) and not _is_library(place)]


def _is_library(folder: Path) -> bool:
    """Whether a folder of the path holds what is installed, and not what somebody is writing."""
    return bool(_LIBRARY_FOLDERS & set(folder.parts)) or folder == Path(os.__file__).parent


@lru_cache(maxsize=4096)
def _imports(path: str, package: str, mtime: int, size: int) -> tuple[str, ...]:
    """Return the dotted names that a file of ``package`` imports; of ``from a import b`` both ``a`` and ``a.b``."""
    try:
        tree = ast.parse(Path(path).read_bytes())
    except (SyntaxError, ValueError):  # told by whoever imports it
        return ()
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(package, node)
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Call) and (name := _by_name(node)):
            found.append(name)
    return tuple(dict.fromkeys(name for name in found if name and not name.startswith(".")))


def _absolute(package: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parents = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*parents, *([node.module] if node.module else [])])


def _by_name(call: ast.Call) -> str | None:
    """Return the module that a call such as ``import_module("a.b")`` names in plain words."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", None)
    first = call.args[0] if call.args else None
    if name in _BY_NAME and isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value
    return None
