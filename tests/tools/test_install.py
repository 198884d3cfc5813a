"""The installer, as far as it gets where no Python fits: when it has nothing to do, and when it starts anew."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder whose install is finished, as far as the installer can see."""
    (tmp_path / "tools").mkdir()
    content = b""
    for name in ("requirements.lock", "pyproject.toml", "tools/install.sh"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
        content += (ROOT / name).read_bytes()
    sums = subprocess.run(["cksum"], input=content, capture_output=True, check=True).stdout.decode().strip()
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/.installed").write_text(f"{sums} {tmp_path.resolve()}\n")
    return tmp_path


def install(folder: Path) -> subprocess.CompletedProcess[str]:
    """Call the installer where no Python fits, so that it cannot get further than asking for one."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": "no-such-python"}
    return subprocess.run(["sh", "tools/install.sh"], cwd=folder, capture_output=True, text=True, env=environment)


def test_a_finished_install_is_left_alone(installed: Path) -> None:
    done = install(installed)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_changed_lock_is_installed_and_a_missing_python_is_one_line(installed: Path) -> None:
    (installed / "requirements.lock").write_text("")
    done = install(installed)
    assert done.returncode == 1
    assert "no Python 3.11 or 3.12 found (tried: no-such-python)" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("break_it", ["unfinished", "moved"])
def test_a_broken_environment_is_built_anew(installed: Path, break_it: str) -> None:
    (installed / ".venv/.installed").unlink()
    (installed / ".venv/bin").mkdir()
    place = installed.resolve() if break_it == "unfinished" else "/elsewhere"
    (installed / ".venv/bin/pip").write_text(f"#!{place}/.venv/bin/python\n")
    if break_it == "unfinished":
        (installed / ".venv/.unfinished").touch()
    done = install(installed)
    assert "building it anew" in done.stdout
    assert not (installed / ".venv").exists()
