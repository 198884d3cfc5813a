"""The lock files of GPU leases: in a folder that all users of a machine share, and that none can use against another.

Two users must not lease one card twice, so the folder is the machine's, not the user's: like the temporary folder
itself it is everybody's and sticky. Nothing in it is ever written: files are made only where nothing lies, opened for
reading without following links, and locked. Whoever removes or holds somebody's lock can make runs share a card or
wait, which anyone who can use the card can do without it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from harness.foundation.errors import HarnessError

FOLDER = "HARNESS_LEASES"
"""The environment variable that names another folder for the locks."""

_POLL = 2.0  # seconds between looks at devices that are all taken
_MOMENT = 0.05  # seconds that another process may need between making a folder or a file and opening it to all
_ATTEMPTS = 20
_SHARED = stat.S_ISVTX | 0o777
_NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL)


def lease_folder() -> Path:
    """Return where the lock files of devices lie: one folder per machine, and below Slurm one per job.

    Not below ``TMPDIR``, which may differ between two shells of one machine. The machine is part of the name, because
    the place may be shared by several. Slurm hands every device to one job, and where it also hides the others, each
    job calls its first device 0: these are not the same.
    """
    named = os.environ.get(FOLDER)
    if named:
        return Path(named).expanduser()
    job = os.environ.get("SLURM_JOB_ID")
    parts = ["blind-sr-gpu-leases", platform.node(), *(["slurm", job] if job else [])]
    return Path("/tmp") / re.sub(r"[^\w.-]", "_", "-".join(parts))


@contextmanager
def take(gpus: list[str], count: int, slots: int, folder: Path) -> Iterator[list[str]]:
    """Lock ``count`` of the devices for as long as the context lasts; wait until so many are free.

    One process looks at a time, so two that need several cannot block each other.

    Args:
        gpus: names of devices.
        count: how many.
        slots: how many leases one device may carry.
        folder: of the locks.

    Raises:
        HarnessError: the folder cannot be used, or its file system has no locks.
    """
    with ExitStack() as held:
        place = _open_folder(folder, held)
        said = False
        while not (taken := _attempt(gpus, count, slots, folder, place, held)):
            if not said:
                print(f"waiting for {count} of {len(gpus)} GPUs to become free", flush=True)
                said = True
            time.sleep(_POLL)
        yield taken


def _attempt(gpus: list[str], count: int, slots: int, folder: Path, place: int, held: ExitStack) -> list[str]:
    """Lock ``count`` devices, the least used first, or none."""
    with ExitStack() as looking:
        _lock(_open(folder, place, "gate.lock", looking), folder, wait=True)
        locks = _free(gpus, slots, folder, place)
        kept = locks[:count] if len(locks) >= count else []
        for _, lock in locks[len(kept) :]:
            os.close(lock)
        for _, lock in kept:
            os.set_inheritable(lock, count > 1)  # a run in several processes keeps them all
            held.callback(os.close, lock)
        return [gpu for gpu, _ in kept]


def _free(gpus: list[str], slots: int, folder: Path, place: int) -> list[tuple[str, int]]:
    """Return the devices that have a free slot, each with its lock, the least used devices first."""
    found = []
    with ExitStack() as opened:
        for order, gpu in enumerate(gpus):
            for slot in range(slots):
                name = f"gpu-{re.sub(r'[^A-Za-z0-9-]', '_', gpu)}.{slot}.lock"
                with ExitStack() as busy:
                    lock = _open(folder, place, name, busy)
                    if _lock(lock, folder, wait=False) and _is_there(lock, place, name):
                        opened.push(busy.pop_all())
                        found.append((slot, order, gpu, lock))
                        break
        opened.pop_all()
    return [(gpu, lock) for _, _, gpu, lock in sorted(found)]


def _is_there(lock: int, place: int, name: str) -> bool:
    """Whether a locked file still is the one that others would lock."""
    try:
        return os.path.samestat(os.fstat(lock), os.stat(name, dir_fd=place, follow_symlinks=False))
    except FileNotFoundError:
        return False


def _open_folder(folder: Path, held: ExitStack) -> int:
    """Make the folder if it is not there, check whose it is, and return a descriptor of it.

    A lock on it that all share keeps those away who clean up temporary folders.
    """
    try:
        try:
            os.mkdir(folder, 0o700)
            os.chmod(folder, _SHARED)  # nobody else could put anything in its place: what it lies in is sticky or ours
        except FileExistsError:
            pass
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        place = _patient(lambda: os.open(folder, flags))
    except OSError as error:
        raise _refusal(folder, f"is no folder of locks ({error.strerror})") from error
    held.callback(os.close, place)
    for _ in range(_ATTEMPTS):
        found = os.fstat(place)
        if problem := _problem_of(found):
            time.sleep(_MOMENT)
            continue
        _lock(place, folder, wait=False, kind=fcntl.LOCK_SH)
        return place
    raise _refusal(folder, problem)


def _problem_of(found: os.stat_result) -> str:
    """Say why a folder cannot hold locks that may be trusted, or return ""."""
    mine = found.st_uid in (0, os.getuid())
    if found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX:
        return "can be written by others and is not sticky"
    if not mine and stat.S_IMODE(found.st_mode) != _SHARED:
        return f"belongs to user {found.st_uid} alone"
    return ""


def _open(folder: Path, place: int, name: str, held: ExitStack) -> int:
    """Return a descriptor, for reading, of a lock file; it is made if nothing lies there."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

    def attempt() -> int:
        try:
            lock = os.open(name, flags | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=place)
            os.fchmod(lock, 0o644)  # for users with another mask, too
            return lock
        except FileExistsError:
            return os.open(name, flags, dir_fd=place)

    try:
        lock = _patient(attempt)
    except OSError as error:
        raise _refusal(folder / name, f"cannot be opened as a lock ({error.strerror})") from error
    held.callback(os.close, lock)
    found = os.fstat(lock)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1 or found.st_size:
        raise _refusal(folder / name, "is no lock of ours")
    return lock


def _patient(attempt: Callable[[], int]) -> int:
    """Return what ``attempt`` returns, after a moment if another process is just making what it asks for."""
    for _ in range(_ATTEMPTS):
        try:
            return attempt()
        except (PermissionError, FileNotFoundError):
            time.sleep(_MOMENT)
    return attempt()


def _lock(descriptor: int, folder: Path, *, wait: bool, kind: int = fcntl.LOCK_EX) -> bool:
    """Lock a file; return whether it was possible."""
    try:
        fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _NO_LOCKS:
            raise _refusal(folder, f"lies on a file system without locks ({error.strerror})") from error
        raise _refusal(folder, f"cannot be locked ({error.strerror})") from error
    return True


def _refusal(path: Path, problem: str) -> HarnessError:
    advice = f"GPUs are leased there: remove it, or set {FOLDER} to a folder on a local disk"
    return HarnessError(f"{path}: {problem}; {advice}")
