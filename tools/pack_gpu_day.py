"""Packs what a bare machine with a GPU and torch must be given for :mod:`benchmarks.gpu_day`, in one file.

    python -m tools.pack_gpu_day FILE.tar.xz

holds the code of the last commit (what is not committed is named and left out) and, below ``packages``, wheels for
Python 3.12 on x86-64 Linux, unpacked: xz makes less of them than wheels take. torch is not among them, nor what only
tests, reports and the workflow need. On the machine:

    tar xf FILE.tar.xz && cd gpu_day && PYTHONPATH=packages python -m benchmarks.gpu_day --minutes 10 --out results
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from packaging.requirements import Requirement

from tools.lock import ROOT, project

MOST = 60_000_000
"""Bytes that the file may have."""

LEFT_OUT = ("torch", "pyarrow")
"""Of what training and evaluation need: the machine brings torch, and no item writes parquet files."""

PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
CODE = ("harness", "benchmarks", "tests", "tools", "configs", "pyproject.toml")


def requirements() -> list[str]:
    """Return what is installed: the dependencies and those of ``train``, but for ``LEFT_OUT``."""
    table = project()
    texts = (*table["dependencies"], *table["optional-dependencies"]["train"])
    return [text for text in texts if Requirement(text).name not in LEFT_OUT]


def fetch(folder: Path) -> None:
    """Unpack the wheels below ``folder``, without the tests that they bring.

    Raises:
        SystemExit: pip found no wheel.
    """
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-compile", "--only-binary=:all:"]
    command += ["--python-version", "3.12", "--implementation", "cp", "--target", str(folder)]
    command += ["--constraint", str(ROOT / "requirements.lock")]
    command += [word for platform in PLATFORMS for word in ("--platform", platform)]
    if subprocess.run([*command, *requirements()]).returncode:
        raise SystemExit("pip could not fetch the wheels; its lines above say why")
    for tests in sorted(folder.rglob("tests")):
        if tests.is_dir() and tests.parts[len(folder.parts)] in ("numpy", "scipy", "pandas"):
            shutil.rmtree(tests, ignore_errors=True)


def pack(folder: Path, target: Path, root: Path = ROOT) -> int:
    """Write the code of the last commit of ``root`` and ``folder`` into ``target``; return its bytes.

    Raises:
        SystemExit: ``root`` is no checkout with a commit that has the code.
    """
    code = _git(root, "archive", "--format=tar", "--prefix=gpu_day/", "HEAD", "--", *CODE)
    with tarfile.open(fileobj=io.BytesIO(code)) as committed, tarfile.open(target, "w:xz", preset=6) as archive:
        for member in committed:
            archive.addfile(member, committed.extractfile(member) if member.isfile() else None)
        archive.add(folder, "gpu_day/packages")
    return target.stat().st_size


def left_out(root: Path = ROOT) -> list[str]:
    """Return the files of the code that are not as the last commit of ``root`` has them; a new folder is one line."""
    lines = _git(root, "status", "--porcelain", "--no-renames", "--", *CODE).decode(errors="replace").splitlines()
    return [line[3:] for line in lines]


def _git(root: Path, *words: str) -> bytes:
    done = subprocess.run(["git", "-C", str(root), *words], capture_output=True)
    if done.returncode:
        said = (done.stderr.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
        raise SystemExit(f"{root}: git {words[0]}: {said}; call this in a git checkout with a commit of the code")
    return done.stdout


def main(arguments: list[str] | None = None) -> None:
    """Write the file and say how large it is."""
    parser = argparse.ArgumentParser(prog="python -m tools.pack_gpu_day", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path, metavar="FILE.tar.xz")
    target = parser.parse_args(arguments).file
    if changed := left_out():
        print(f"not in the pack, because it is not committed: {', '.join(changed)}")
    with tempfile.TemporaryDirectory() as folder:
        fetch(Path(folder))
        size = pack(Path(folder), target)
    print(f"{target}: {size / 1e6:.1f} MB")
    if size > MOST:
        raise SystemExit(f"{target}: above {MOST / 1e6:.0f} MB; leave something out (LEFT_OUT)")


if __name__ == "__main__":
    main()
