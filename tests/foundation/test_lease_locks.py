"""Lock files in a folder that everybody shares: nobody's file is touched, and users do not share cards."""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.foundation import lease_locks
from harness.foundation.errors import HarnessError
from harness.foundation.lease_locks import lease_folder, take

HOLD = """
import os, sys, time
from pathlib import Path
from harness.foundation.lease_locks import take
os.umask(0o077)
os.setgroups([])
os.setuid(int(sys.argv[2]))
with take(["a", "b"], 1, 1, Path(sys.argv[1])) as gpus:
    print(*gpus, flush=True)
    time.sleep(60)
"""

root_only = pytest.mark.skipif(os.getuid() != 0, reason="only root can be several users")


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_locks, "_POLL", 0.02)
    monkeypatch.setattr(lease_locks, "_MOMENT", 0.001)


def test_the_folder_is_the_machines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SLURM_JOB_ID", "HARNESS_LEASES"):
        monkeypatch.delenv(name, raising=False)
    machine = lease_folder()
    assert machine == Path("/tmp") / f"blind-sr-gpu-leases-{platform.node()}"
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert lease_folder() == machine, "two shells of one machine may have different ones"
    monkeypatch.setenv("SLURM_JOB_ID", "../17")
    assert lease_folder() == machine.with_name(f"{machine.name}-slurm-.._17")
    monkeypatch.setenv("HARNESS_LEASES", "~/locks")
    assert lease_folder() == Path.home() / "locks"


def test_what_is_made_is_for_all_and_holds_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "locks"
    before = os.umask(0o077)
    try:
        with take(["GPU-a/../b", "b"], 2, 1, folder) as gpus:
            assert gpus == ["GPU-a/../b", "b"]
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o7777 == 0o1777
    assert {path.name: path.stat().st_size for path in folder.iterdir()} == {
        "gate.lock": 0,
        "gpu-GPU-a____b.0.lock": 0,
        "gpu-b.0.lock": 0,
    }
    assert {path.stat().st_mode & 0o7777 for path in folder.iterdir()} == {0o644}


@root_only
def test_users_of_one_machine_do_not_share_a_card(request: pytest.FixtureRequest) -> None:
    place = tempfile.TemporaryDirectory()  # pytest's own are closed to other users
    request.addfinalizer(place.cleanup)
    Path(place.name).chmod(0o1777)
    folder = Path(place.name) / "locks"
    holders = [
        subprocess.Popen([sys.executable, "-c", HOLD, str(folder), str(user)], stdout=subprocess.PIPE, text=True)
        for user in (45678, 45679, 45680)
    ]
    try:
        said = sorted(process.stdout.readline().strip() for process in holders if process.stdout)
        assert said == ["a", "b", "waiting for 1 of 2 GPUs to become free"]
    finally:
        for process in holders:
            process.kill()
            process.communicate()


def _link(folder: Path, name: str, treasure: Path) -> None:
    (folder / name).symlink_to(treasure)


def _hard(folder: Path, name: str, treasure: Path) -> None:
    os.link(treasure, folder / name)


def _pipe(folder: Path, name: str, treasure: Path) -> None:
    os.mkfifo(folder / name)


@pytest.mark.parametrize("name", ["gate.lock", "gpu-a.0.lock"])
@pytest.mark.parametrize("make", [_link, _hard, _pipe])
def test_what_others_put_there_is_neither_followed_nor_changed(
    tmp_path: Path, make: Callable[[Path, str, Path], None], name: str
) -> None:
    folder, treasure = tmp_path / "locks", tmp_path / "treasure"
    folder.mkdir()
    treasure.write_text("precious")
    make(folder, name, treasure)
    with pytest.raises(HarnessError) as caught, take(["a"], 1, 1, folder):
        pass
    assert str(caught.value).startswith(f"{folder / name}: ")
    assert str(caught.value).endswith(
        "; GPUs are leased there: remove it, or set HARNESS_LEASES to a folder on a local disk"
    )
    assert treasure.read_text() == "precious"


def test_a_folder_that_is_a_link_or_anybodys_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "file").write_text("")
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    for name, problem in (
        ("link", "is no folder of locks"),
        ("file", "is no folder of locks"),
        ("open", "can be written by others and is not sticky"),
        ("no/where", "is no folder of locks"),
    ):
        with pytest.raises(HarnessError, match=f"{name}: {problem}"), take(["a"], 1, 1, tmp_path / name):
            pass
    assert list((tmp_path / "real").iterdir()) == []


@root_only
def test_a_folder_of_another_user_alone_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "locks"
    folder.mkdir(mode=0o755)
    os.chown(folder, 45678, 45678)
    with pytest.raises(HarnessError, match="locks: belongs to user 45678 alone"), take(["a"], 1, 1, folder):
        pass


def test_a_file_system_without_locks_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    problem = r"locks: lies on a file system without locks \(No locks available\)"
    with pytest.raises(HarnessError, match=problem), take(["a"], 1, 1, tmp_path / "locks"):
        pass


def test_a_lock_that_was_removed_is_made_anew(tmp_path: Path) -> None:
    with take(["a"], 1, 1, tmp_path), take(["b"], 1, 1, tmp_path):
        (tmp_path / "gpu-b.0.lock").unlink()
        with take(["b"], 1, 1, tmp_path) as again:
            assert again == ["b"], "as it must be where nobody can know better"
        assert (tmp_path / "gpu-b.0.lock").exists()


def test_the_folder_is_kept_from_those_who_clean_up(tmp_path: Path) -> None:
    with take(["a"], 1, 1, tmp_path):
        place = os.open(tmp_path, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(place)


def test_nothing_stays_open(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd") if Path("/proc/self/fd").is_dir() else []
    with take(["a", "b"], 1, 2, tmp_path):
        pass
    assert (os.listdir("/proc/self/fd") if before else []) == before
