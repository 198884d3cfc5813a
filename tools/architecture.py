"""The plan of the house, read from the code: rooms, floors, arrows and circles, and the page that shows them.

    python -m tools.architecture            # rewrite the generated parts of docs/architecture.md, and its picture
    python -m tools.architecture --count    # print the numbers alone

A room is a folder or a file at the root of ``harness/``, or ``benchmarks/``. An arrow is an import of one room from
another, imports inside functions included. A floor is the longest way down from a room to the ground. A circle is a
set of files that import each other in a loop.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tools.architecture_picture import picture

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
PICTURE = ROOT / "docs" / "architecture.svg"

_PARTS = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


@cache
def modules() -> dict[str, Path]:
    """Return every Python file of the package and its benchmarks by its dotted name; a package has its folder's."""
    found = {}
    for path in sorted(path for top in ("harness", "benchmarks") for path in (ROOT / top).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path) -> Iterator[str]:
    """Yield every absolute dotted name that a file imports anywhere, ``from a import b`` as ``a.b``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import; write it from harness"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def imports() -> dict[str, set[str]]:
    """Return for every module the modules that it imports. A package's own file counts where a name of it is taken."""
    return {name: {*filter(None, map(_module_of, imported(path)))} - {name} for name, path in modules().items()}


def _module_of(dotted: str) -> str | None:
    while dotted and dotted not in modules():
        dotted = dotted.rpartition(".")[0]
    return dotted or None


def room(name: str) -> str:
    """Return the room of a module: ``harness.spec``, ``harness.training``, ``benchmarks``."""
    return ".".join(name.split(".")[: 2 if name.startswith("harness") else 1])


def arrows() -> set[tuple[str, str]]:
    """Return the pairs of rooms of which the first imports the second. The package's own face is no room."""
    pairs = {(room(name), room(target)) for name, targets in imports().items() for target in targets}
    return {(a, b) for a, b in pairs if a != b and "harness" not in (a, b)}


def circle() -> list[str]:
    """Return modules that import each other in a loop, or an empty list."""
    try:
        TopologicalSorter(imports()).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def floors() -> dict[str, int]:
    """Return the floor of every room: one more than the highest that it imports; 1 is the ground."""
    below: dict[str, set[str]] = {room(name): set() for name in modules() if room(name) != "harness"}
    for a, b in arrows():
        below[a].add(b)
    found: dict[str, int] = {}
    for name in TopologicalSorter(below).static_order():
        found[name] = 1 + max((found[other] for other in below[name]), default=0)
    return found


def counts() -> dict[str, int]:
    """Return the numbers that the house is held to."""
    root = list((ROOT / "harness").glob("*.py"))
    return {
        "Python files at the root": len(root),
        "rooms": len(floors()),
        "floors": max(floors().values()),
        "arrows": len(arrows()),
        "files in a circle": len(circle()),
    }


def drawing() -> str:
    """Return the layers as an SVG. An arrow that a longer way down implies is left out of the drawing."""
    return picture(floors(), [(a, b) for a, b in arrows() if not _implied(a, b)])


def rooms() -> str:
    """Return the table of rooms, from the top floor down, each with the first sentence of its own docstring."""
    lines = ["| floor | room | what it is | imports |", "|---|---|---|---|"]
    for name in sorted(floors(), key=lambda name: (-floors()[name], name)):
        targets = ", ".join(f"`{_short(b)}`" for a, b in sorted(arrows()) if a == name)
        lines.append(f"| {floors()[name]} | `{_short(name)}` | {_says(name)} | {targets} |")
    return "\n".join(lines)


def files() -> str:
    """Return one list per folder of the package: every file with what its docstring says first."""
    parts = []
    for name in sorted(floors(), key=lambda name: (floors()[name], name)):
        inside = [one for one in modules() if one.startswith(f"{name}.") and name.startswith("harness.")]
        if inside:
            lines = (f"- `{one.removeprefix(name + '.').replace('.', '/')}`: {_says(one)}" for one in inside)
            parts.append("\n".join([f"### {_short(name)}/", "", *lines]))
    return "\n\n".join(parts)


def page(text: str) -> str:
    """Return the text of the page with its generated parts made anew."""
    makers = {"counts": _counted, "rooms": rooms, "files": files}
    return _PARTS.sub(lambda match: f"{match[1]}{makers[match[2]]()}\n{match[3]}", text)


def _counted() -> str:
    return "; ".join(f"{name}: {number}" for name, number in counts().items()) + "."


def _implied(a: str, b: str) -> bool:
    """Whether a way of several arrows leads from a to b."""
    seen, todo = set(), [y for x, y in arrows() if x == a and y != b]
    while todo:
        here = todo.pop()
        if here not in seen:
            seen.add(here)
            todo += [y for x, y in arrows() if x == here]
    return b in seen


def _says(name: str) -> str:
    text = ast.get_docstring(ast.parse(modules()[name].read_text(encoding="utf-8"))) or ""
    sentence = re.split(r"(?<=\.)\s", " ".join(text.split("\n\n")[0].split()))[0]
    return re.sub(r":\w+:`(?:harness\.)?([^`]+)`", r"`\1`", sentence).replace("``", "`").replace("|", "\\|")


def _short(name: str) -> str:
    return name.removeprefix("harness.")


def main() -> None:
    """Write the page, or print the numbers."""
    if "--count" not in sys.argv[1:]:
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
        PICTURE.write_text(drawing(), encoding="utf-8")
    print(_counted())


if __name__ == "__main__":
    main()
