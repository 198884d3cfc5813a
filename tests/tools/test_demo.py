"""The demo's script with a stand-in for Python: stale locks are removed, runs queue up, and signals reach Snakemake."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

STAND_IN = """#!/bin/sh
echo "$@" >>calls
[ ! -e hang ] || exec sleep 60
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the script and a Python that only writes down what it is asked."""
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools/demo.sh", tmp_path / "tools")
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(STAND_IN)
    python.chmod(0o755)
    return tmp_path


def start(place: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(["sh", "tools/demo.sh"], cwd=place, stdout=subprocess.PIPE, text=True)


def calls(place: Path) -> list[str]:
    return (place / "calls").read_text().splitlines()


def test_the_demo_is_one_call_of_snakemake(place: Path) -> None:
    with start(place) as script:
        assert script.wait(30) == 0
    expected = "-m snakemake --configfile configs/experiments/demo.yaml --cores all --quiet host --rerun-incomplete"
    assert calls(place) == [expected]


def test_locks_of_a_killed_run_are_removed_first(place: Path) -> None:
    (place / ".snakemake/locks").mkdir(parents=True)
    (place / ".snakemake/locks/0.input.lock").touch()
    with start(place) as script:
        assert script.wait(30) == 0
    assert [line.split()[-1] for line in calls(place)] == ["--unlock", "--rerun-incomplete"]


@pytest.mark.skipif(shutil.which("flock") is None, reason="the lock needs flock")
def test_a_second_demo_waits_for_the_first(place: Path) -> None:
    (place / ".snakemake").mkdir()
    with open(place / ".snakemake/demo.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with start(place) as script:
            assert script.stdout is not None
            assert "waiting for it to end" in script.stdout.readline()
            assert not (place / "calls").exists()
            fcntl.flock(lock, fcntl.LOCK_UN)
            assert script.wait(30) == 0
    assert len(calls(place)) == 1


def test_a_signal_reaches_snakemake_itself(place: Path) -> None:
    (place / "hang").touch()
    with start(place) as script:
        while not (place / "calls").exists():
            os.sched_yield()
        script.send_signal(signal.SIGTERM)
        assert script.wait(30) == -signal.SIGTERM


@pytest.mark.parametrize("home", [None, "", "/proc/nowhere"])
def test_without_a_home_snakemake_gets_one(place: Path, home: str | None) -> None:
    (place / ".venv/bin/python").write_text('#!/bin/sh\necho "$HOME" >home\n')
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOME", "XDG_"))}
    environment = kept | ({} if home is None else {"HOME": home}) | {"XDG_CACHE_HOME": "/proc/nowhere"}
    subprocess.run(["sh", "tools/demo.sh"], cwd=place, env=environment, check=True, timeout=30)
    found = (place / "home").read_text().strip()
    assert found == str(place.resolve() / ".snakemake/home")
    assert Path(found).is_dir()


def test_a_home_that_can_be_used_stays(place: Path) -> None:
    (place / ".venv/bin/python").write_text('#!/bin/sh\necho "$HOME" >home\n')
    (place / "own").mkdir()
    environment = os.environ | {"HOME": str(place / "own")}
    environment.pop("XDG_CACHE_HOME", None)
    subprocess.run(["sh", "tools/demo.sh"], cwd=place, env=environment, check=True, timeout=30)
    assert (place / "home").read_text().strip() == str(place / "own")
