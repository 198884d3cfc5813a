"""Writes requirements.lock, the exact version of everything pyproject.toml needs, and the same for conda users.

    python -m tools.lock

Run it in an environment that was installed from pyproject.toml. The versions are those installed there; packages that
nothing needs are left out, so that a tool somebody added to the environment does not slip in.
"""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
LOCK = """\
# Everything, pinned: the closure of pyproject.toml. Written by `make lock`; do not edit.
# CUDA's libraries are not listed: a CUDA build of torch asks for its own, and a CPU build brings none.
"""
CONDA = """\
# The pins of requirements.lock for conda users. Written by `make lock`; do not edit.
#
#     conda env create -f environment.yml && conda activate {name}
#     pip install --force-reinstall --no-deps -c requirements.lock opencv-python-headless
#
# The second line is for machines without libGL: both builds of OpenCV arrive and share a folder, and the last one wins.
# pip builds basicsr in isolation here and fetches a torch for that build alone; `make install`, which takes any Python
# that fits, conda's included, does not.
name: {name}
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python{python}
  - pip
  - pip:
"""
_CUDA = ("nvidia-", "cuda-", "triton")


def project() -> dict[str, Any]:
    """Return the [project] table of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


def direct_requirements() -> list[Requirement]:
    """Return what pyproject.toml names: the dependencies, then those of every extra."""
    table = project()
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
    """Write both files for this environment."""
    table = project()
    pins = [f"{name}=={version}\n" for name, version in sorted(closure(direct_requirements()).items())]
    (ROOT / "requirements.lock").write_text(LOCK + "".join(pins))
    conda = CONDA.format(name=table["name"], python=table["requires-python"])
    (ROOT / "environment.yml").write_text(conda + "".join(f"      - {pin}" for pin in pins))


if __name__ == "__main__":
    main()
