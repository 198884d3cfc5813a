"""Whole workflows on copies of the checkout: results of the checkout are not touched, and its code can be edited."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.foundation.files import exclusive
from tests.conftest import ROOT

PARTS = (
    *("CITATION.cff", "Makefile", "Snakefile", "environment.yml"),
    *("configs", "harness", "profiles", "tools", "workflow"),
)
LOCKED = ("requirements.lock", "pyproject.toml", "tools/install.sh")
"""What an environment is built from: `make` asks whether it still is."""
DEMO = "configs/experiments/demo.yaml"

SMALLEST = """
description: The smallest experiment that passes through every stage.
scale: 4
networks: [srresnet_small]
variants: [baseline, dropout]
seeds: [0]
training:
  data: embedded_train
  heldout: embedded_heldout
  degradation: second_order
  iterations: 25
  batch_size: 4
  crop: 96
  patch: 32
  learning_rate: 0.001
  ema: 0.9
  log_every: 5
  heldout_every: 10
  heldout_images: 4
  device: cpu
evaluation:
  datasets: [embedded_test]
  degradations: [clean, blur_noise_jpeg]
  metrics: [psnr_rgb, psnr_y]
"""


@dataclass(frozen=True)
class Call:
    """How a command ended: its exit status and all it printed."""

    status: int
    text: str


@dataclass(frozen=True)
class Checkout:
    """A copy of the checkout whose demo is :data:`SMALLEST`.

    It is as archives leave it that keep no modes: nothing can be executed, and where links were are texts.
    """

    root: Path

    @classmethod
    def make(cls, root: Path) -> Checkout:
        root.mkdir(parents=True)
        for part in PARTS:
            source = ROOT / part
            files = source.rglob("*") if source.is_dir() else [source]
            for path in files:
                target = root / path.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                if path.is_symlink():
                    target.write_text(os.readlink(path))
                elif path.is_file() and path.suffix != ".pyc":
                    shutil.copyfile(path, target)
                    shutil.copystat(path, target)
                    target.chmod(0o644)
        install(root)
        (root / DEMO).write_text(SMALLEST)
        return cls(root)

    def copy(self, root: Path) -> Checkout:
        """Copy it with all results, times of files included."""
        shutil.copytree(self.root, root, symlinks=True, ignore=shutil.ignore_patterns(".venv"))
        install(root)
        return Checkout(root)

    def replace(self, path: str, old: str, new: str) -> None:
        """Edit a file."""
        text = (self.root / path).read_text()
        assert text.count(old) == 1, f"{path} holds {old!r} {text.count(old)} times"
        (self.root / path).write_text(text.replace(old, new))

    def append(self, path: str, line: str) -> None:
        """Add a line to a file."""
        with open(self.root / path, "a") as stream:
            stream.write(line + "\n")

    def snakemake(self, *arguments: str, folder: Path | None = None) -> Call:
        """Call Snakemake in the checkout, or in another folder."""
        command = [sys.executable, "-m", "snakemake", *arguments]
        done = subprocess.run(
            command, cwd=folder or self.root, env=environment(), text=True, stdout=-1, stderr=-2, timeout=500
        )
        return Call(done.returncode, done.stdout)

    def planned(self, *arguments: str, experiment: str = DEMO) -> dict[str, int]:
        """Return how many jobs of each rule a dry run announces; nothing if all is done."""
        call = self.snakemake(*arguments, "--cores", "2", "-n", "--configfile", experiment)
        assert call.status == 0, call.text
        if "Nothing to be done" in call.text:
            return {}
        table = call.text.split("Job stats:\n")[1].split("\n\n")[0]
        counts = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}
        assert counts.pop("total") == sum(counts.values())
        return counts

    def content(self, *patterns: str) -> dict[str, bytes]:
        """Return the bytes of files, by their path."""
        paths = [path for pattern in patterns for path in self.root.glob(pattern)]
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in paths}


def install(root: Path) -> None:
    """Make ``.venv`` what `make install` finds finished there: the environment that runs the tests."""
    (root / ".venv").mkdir()
    for part in Path(sys.prefix).iterdir():
        if part.name != ".installed":
            (root / ".venv" / part.name).symlink_to(part)
    for name in LOCKED:
        if not (root / name).exists():
            shutil.copyfile(ROOT / name, root / name)
    content = b"".join((root / name).read_bytes() for name in LOCKED)
    sums = subprocess.run(["cksum"], input=content, capture_output=True, check=True).stdout.decode().strip()
    (root / ".venv" / ".installed").write_text(f"{sums} {root.resolve()}\n")


def environment() -> dict[str, str]:
    """Return the environment of a user without data sets, GPU or settings, where Python keeps what it compiled."""
    dropped = ("HARNESS_", "PYTEST_", "SNAKEMAKE_", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**kept, "CUDA_VISIBLE_DEVICES": ""}


def run_demo(checkout: Checkout) -> Call:
    """Run the demo as users do."""
    done = subprocess.run(
        ["make", "demo"], cwd=checkout.root, env=environment(), text=True, stdout=-1, stderr=-2, timeout=500
    )
    return Call(done.returncode, done.stdout)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the longest tests, so that processes end together."""
    here = Path(__file__).parent
    items.sort(key=lambda item: not item.path.is_relative_to(here))


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout whose demo has run; one for all test processes. Copy it before changing anything."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    root = base / "finished"
    with exclusive(base / "finished.lock", "waiting for the demo of another test process"):
        if not (root / "ended").exists():
            shutil.rmtree(root, ignore_errors=True)
            call = run_demo(Checkout.make(root))
            (root / "output.txt").write_text(call.text)
            (root / "ended").write_text(str(call.status))
    assert (root / "ended").read_text() == "0", (root / "output.txt").read_text()
    return Checkout(root)


@pytest.fixture
def finished(finished_once: Checkout, tmp_path: Path) -> Checkout:
    """A checkout of its own whose demo has run."""
    return finished_once.copy(tmp_path / "finished")


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which nothing has run; for dry runs and new files only."""
    return Checkout.make(tmp_path_factory.mktemp("bare") / "checkout")


@pytest.fixture
def fresh(tmp_path: Path) -> Checkout:
    """A checkout of its own in which nothing has run."""
    return Checkout.make(tmp_path / "fresh")
