"""Writes requirements.lock: the exact version of everything pyproject.toml needs, directly or not.

    python -m tools.lock > requirements.lock

Run it in an environment that was installed from pyproject.toml. The versions are those installed there; packages that
nothing needs are left out, so that a tool somebody added to the environment does not slip in.
"""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"
HEADER = """\
# Everything, pinned: the closure of pyproject.toml. Written by `python -m tools.lock`; do not edit.
# CUDA's libraries are not listed: a CUDA build of torch asks for its own, and a CPU build brings none.
"""
_CUDA = ("nvidia-", "cuda-", "triton")


def direct_requirements(project: Path = PROJECT) -> list[Requirement]:
    """Return what pyproject.toml names: the dependencies, then those of every extra."""
    table = tomllib.loads(project.read_text())["project"]
    extras = table["optional-dependencies"].values()
    return [Requirement(text) for text in (*table["dependencies"], *(text for extra in extras for text in extra))]


def closure(roots: list[Requirement]) -> dict[str, str]:
    """Return canonical name -> installed version of ``roots`` and all they need here, without local version labels.

    Raises:
        SystemExit: one of them is not installed.
    """
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    queue = [(root, extra) for root in roots for extra in ("", *root.extras)]
    while queue:
        requirement, extra = queue.pop()
        name = canonicalize_name(requirement.name)
        if (name, extra) in seen or name.startswith(_CUDA):
            continue
        seen.add((name, extra))
        try:
            package = distribution(name)
        except PackageNotFoundError:
            raise SystemExit(f"{name} is not installed here; run make install first") from None
        found[name] = Version(package.version).public
        for text in package.requires or ():
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                queue += [(needed, inner) for inner in ("", *needed.extras)]
    return found


def main() -> None:
    """Print the lock of this environment."""
    pins = closure(direct_requirements())
    sys.stdout.write(HEADER + "".join(f"{name}=={pins[name]}\n" for name in sorted(pins)))


if __name__ == "__main__":
    main()
