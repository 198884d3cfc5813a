"""Sums: written with every result, compared before it is used, and of use to other programs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.foundation import sums
from harness.foundation.errors import HarnessError
from harness.foundation.layout import remedy
from tests.conftest import ROOT


@pytest.fixture
def result(tmp_path: Path) -> Path:
    path = tmp_path / "results" / "runs" / "a.b.s0" / "history.csv"
    sums.seal_text(path, "iteration\n0\n")
    return path


def test_what_was_written_is_fine_and_a_missing_file_is_left_to_its_reader(result: Path) -> None:
    sums.check(result)
    result.unlink()
    sums.check(result)


def test_sha256sum_understands_it(result: Path) -> None:
    if shutil.which("sha256sum") is None:
        pytest.skip("no sha256sum on this machine")
    command = ["sha256sum", "--check", str(sums.sum_path(result))]
    assert subprocess.run(command, cwd=result.parents[2], capture_output=True, check=False).returncode == 0
    result.write_text("iteration\n1\n")
    assert subprocess.run(command, cwd=result.parents[2], capture_output=True, check=False).returncode == 1


def test_every_byte_and_every_length_counts(result: Path) -> None:
    good = result.read_bytes()
    for place in range(len(good)):
        result.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        assert "not what was written" in str(sums.altered(result))
        result.write_bytes(good[:place])
        assert "not what was written" in str(sums.altered(result))
    result.write_bytes(good)
    sums.check(result)


def test_a_file_that_was_checked_is_checked_again_once_it_changes(result: Path) -> None:
    sums.check(result)
    before = result.stat()
    result.write_text("iteration\n1\n")
    os.utime(result, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(HarnessError, match=r"history\.csv: not what was written"):
        sums.check(result)


def test_a_result_of_another_owner_is_told_even_with_its_sum(result: Path) -> None:
    other = result.parent.with_name("a.b.s1") / result.name
    shutil.copytree(result.parent, other.parent)
    with pytest.raises(HarnessError, match=r"written as runs/a\.b\.s0/history\.csv, not for this place; run `python"):
        sums.check(other)


def test_a_file_without_a_sum_is_taken_with_one_warning(
    result: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sums, "_warned", [])
    sums.sum_path(result).unlink()
    sums.check(result)
    sums.check(result)
    assert capsys.readouterr().err.count("warning: ") == 1


def test_a_failed_write_leaves_the_old_file_and_its_sum(result: Path) -> None:
    def fail() -> None:
        with sums.sealed_path(result) as path:
            path.write_text("half")
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        fail()
    sums.check(result)
    assert result.read_text() == "iteration\n0\n"


KILLS = """
import os, signal, sys
from harness.foundation import sums

for step in range(1, 13):
    child = os.fork()
    if child == 0:
        counted = 0

        def dying(real):
            def call(*arguments, **options):
                global counted
                counted += 1
                if counted == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*arguments, **options)
            return call

        for name in ("fsync", "replace", "unlink"):
            setattr(os, name, dying(getattr(os, name)))
        sums.seal_text(sys.argv[1], f"iteration {step}")
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    print(os.waitstatus_to_exitcode(status), sums.altered(sums.Path(sys.argv[1])), flush=True)
"""


def test_killed_at_any_moment_no_good_file_has_a_wrong_sum(result: Path) -> None:
    """Children write the file anew, and kill themselves at the n-th rename, removal or sync."""
    command = [sys.executable, "-c", KILLS, str(result)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) == 12
    assert {problem for _, problem in lines} == {"None"}
    killed = [status == str(-signal.SIGKILL) for status, _ in lines]
    assert killed[0]
    assert killed == sorted(killed, reverse=True)
    assert 6 <= sum(killed) < 12, "every step was met"
    assert sums.has_sum(result)


def test_copies_bring_their_sum_and_refuse_what_is_altered(result: Path, tmp_path: Path) -> None:
    target = tmp_path / "other" / "runs" / "a.b.s0" / "history.csv"
    sums.copy_sealed(result, target)
    assert sums.has_sum(target)
    sums.check(target)
    result.write_text("x")
    with pytest.raises(HarnessError, match=r"not what was written .*; nothing was copied"):
        sums.copy_sealed(result, target)
    sums.check(target)
    assert sums.altered_below(tmp_path / "other") == []
    assert len(sums.altered_below(tmp_path)) == 1


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("results/runs/n.v.s0.01234567/run.json", "train EXPERIMENT --run n.v.s0.01234567"),
        ("/far/results/metrics/n.v.s0.01234567/0.parquet", "evaluate EXPERIMENT --run n.v.s0.01234567"),
        ("results/metrics/bicubic/0.parquet", "evaluate EXPERIMENT --reference bicubic"),
        ("results/metrics/external.x.01234567/0.parquet", "evaluate EXPERIMENT --external external.x.01234567"),
        ("results/training_data/DIV2K/index.json", "pack EXPERIMENT DIV2K"),
        ("results/benchmarks/x4/Set5/clean/manifest.tsv", "benchmark EXPERIMENT Set5"),
        ("results/benchmarks/x4/Set5/index.0.tsv", "benchmark EXPERIMENT Set5"),
        ("results/mine/metrics.parquet", "aggregate EXPERIMENT"),
        ("results/mine/ablations/rate.parquet", "ablation EXPERIMENT rate"),
    ],
)
def test_the_remedy_is_the_command_that_writes_the_file(path: str, command: str) -> None:
    assert remedy(Path(path)) == f"run `python -m harness {command}` to make it again"
