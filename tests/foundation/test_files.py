"""Atomic writes and checksums: a file is whole or it is not there, and the system's refusals are one line."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
from pathlib import Path

import pytest

from harness.foundation.errors import HarnessError
from harness.foundation.files import (
    atomic_path,
    canonical_json,
    content_hash,
    exclusive,
    explain_os_errors,
    file_sha256,
    write_bytes,
    write_json,
    write_text,
)


def test_success_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "x.bin"
    write_bytes(target, b"old")
    with atomic_path(target) as temporary:
        temporary.write_bytes(b"new")
        assert target.read_bytes() == b"old"
        assert temporary.parent == target.parent, "renaming is atomic within one file system only"
        assert temporary.suffix == ".bin", "libraries choose formats by it"
    assert target.read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]


def test_failure_keeps_the_old_content(tmp_path: Path) -> None:
    target = tmp_path / "x.bin"
    write_bytes(target, b"old")

    def fail() -> None:
        with atomic_path(target) as temporary:
            temporary.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "x", "text")
    finally:
        assert os.umask(before) == 0o027, "asking for the umask does not change it"
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (errno.ENOSPC, "the disk is full; free some space and run again, nothing finished is lost"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EACCES, "cannot be written .*; change its permissions or its place"),
        (errno.EROFS, "cannot be written"),
    ],
)
def test_refusals_of_the_system_are_one_line(tmp_path: Path, number: int, line: str) -> None:
    with pytest.raises(HarnessError, match=line), explain_os_errors(tmp_path / "x"):
        raise OSError(number, os.strerror(number))


def test_other_errors_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(InterruptedError), explain_os_errors(tmp_path / "x"):
        raise OSError(errno.EINTR, "interrupted")


def test_a_file_in_the_way_of_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(HarnessError, match=r"cannot be written \((Not a directory|File exists)\).*move it away"):
        write_text(tmp_path / "x" / "y", "")


def test_text_is_utf8_with_unix_line_ends(tmp_path: Path) -> None:
    write_text(tmp_path / "x", "a\nµ\n")
    assert (tmp_path / "x").read_bytes() == "a\nµ\n".encode()


def test_json_has_one_form(tmp_path: Path) -> None:
    write_json(tmp_path / "x", {"b": [1, 2.5], "a": None})
    assert (tmp_path / "x").read_text() == '{\n  "a": null,\n  "b": [\n    1,\n    2.5\n  ]\n}\n'
    assert canonical_json({"b": 1, "a": [True]}) == '{"a":[true],"b":1}'
    assert content_hash({"b": 1, "a": 2}) == content_hash({"a": 2, "b": 1})
    assert content_hash([1, 2]) != content_hash([2, 1])
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))


def test_file_hashes_are_those_of_the_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 9000  # more than one chunk
    (tmp_path / "x").write_bytes(content)
    assert file_sha256(tmp_path / "x") == hashlib.sha256(content).hexdigest()


def test_a_file_system_without_locks_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(stream: object, operation: int) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with exclusive(tmp_path / "lock", "waiting"):
        pass
    assert "this file system has no locks" in capsys.readouterr().out
