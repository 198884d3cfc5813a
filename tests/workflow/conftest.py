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

PARTS = ("Snakefile", "environment.yml", "configs", "harness", "profiles", "tools", "workflow")
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
    """A copy of the checkout whose demo is :data:`SMALLEST`."""

    root: Path

    @classmethod
    def make(cls, root: Path) -> Checkout:
        root.mkdir(parents=True)
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, root / part, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, root / part)
        (root / ".venv").symlink_to(sys.prefix)
        (root / DEMO).write_text(SMALLEST)
        return cls(root)

    def copy(self, root: Path) -> Checkout:
        """Copy it with all results, times of files included."""
        shutil.copytree(self.root, root, symlinks=True)
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


def environment() -> dict[str, str]:
    """Return the environment of a user without data sets, GPU or settings."""
    dropped = ("HARNESS_", "PYTEST_", "SNAKEMAKE_", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**kept, "CUDA_VISIBLE_DEVICES": ""}


def run_demo(checkout: Checkout) -> Call:
    """Run the demo as `make demo` does."""
    done = subprocess.run(
        ["tools/demo.sh"], cwd=checkout.root, env=environment(), text=True, stdout=-1, stderr=-2, timeout=500
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
