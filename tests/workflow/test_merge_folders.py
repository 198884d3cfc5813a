"""Merging results: equal files are fine, conflicts are named and nothing is overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from harness.foundation.errors import HarnessError
from harness.networks.weights import save_weights
from harness.spec import RunSpec
from harness.workflow.merge import merge
from tests.training.conftest import tiny_spec


def write_run(results: Path, spec: RunSpec, value: float = 1.0, seconds: float = 10.0) -> Path:
    """A finished run and its metrics; ``value`` stands for what it learned."""
    folder = results / "runs" / f"srresnet_small.baseline.s{spec.seed}.{spec.hash[:8]}"
    save_weights(folder / "weights.safetensors", {"w": torch.full((3,), value)}, {"spec_hash": spec.hash})
    (folder / "history.csv").write_text(f"iteration,loss\n30,{value}\n")
    record = {"spec": spec.model_dump(mode="json"), "spec_hash": spec.hash, "seconds": seconds}
    (folder / "run.json").write_text(json.dumps(record))
    metrics = results / "metrics" / folder.name
    metrics.mkdir(parents=True)
    (metrics / "12345678.parquet").write_bytes(f"psnr {value}".encode())
    return folder


def write_state(results: Path, spec: RunSpec, content: bytes = b"state") -> Path:
    path = results / "state" / spec.hash / "iteration-000000010.state"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def machines(tmp_path: Path) -> list[Path]:
    """Two results folders that each trained one seed."""
    folders = [tmp_path / name / "results" for name in ("one", "two")]
    for seed, folder in enumerate(folders):
        write_run(folder, tiny_spec(seed=seed))
    return folders


def test_halves_make_a_whole(machines: list[Path], tmp_path: Path) -> None:
    into = tmp_path / "all"
    found = merge([machines[0], machines[1].parent], into)
    assert (len(found.copied), found.equal, found.problems) == (8, 0, [])
    assert files(into) == files(machines[0]) | files(machines[1])
    again = merge(machines, into)
    assert (again.copied, again.equal) == ([], 4)


def test_a_rehearsal_copies_nothing(machines: list[Path], tmp_path: Path) -> None:
    found = merge(machines, tmp_path / "all", dry_run=True)
    assert len(found.copied) == 8
    assert not (tmp_path / "all").exists()


def test_the_same_run_trained_twice_is_no_conflict(machines: list[Path], tmp_path: Path) -> None:
    own = write_run(tmp_path / "all", tiny_spec(seed=0), seconds=99.0)
    before = (own / "run.json").read_bytes()
    found = merge(machines[:1], tmp_path / "all")
    assert (found.copied, found.equal, found.problems) == ([], 2, [])
    assert (own / "run.json").read_bytes() == before


def test_conflicts_are_named_and_left_alone(machines: list[Path], tmp_path: Path) -> None:
    own = write_run(tmp_path / "all", tiny_spec(seed=0), value=2.0)
    before = files(tmp_path / "all")
    found = merge(machines, tmp_path / "all")
    assert len(found.problems) == 1
    assert f"other bytes than {own}" in found.problems[0]
    after = files(tmp_path / "all")
    assert len(found.copied) == 4, "the other seed is no part of the conflict"
    assert {name: after[name] for name in before} == before


def test_two_sources_that_contradict_each_other(machines: list[Path], tmp_path: Path) -> None:
    write_run(machines[1], tiny_spec(seed=0), value=3.0)
    found = merge(machines, tmp_path / "all", dry_run=True)
    assert [str(machines[1]) in line and str(machines[0]) in line for line in found.problems] == [True]


def test_metrics_that_differ_are_a_conflict_of_their_own(machines: list[Path], tmp_path: Path) -> None:
    merge(machines, tmp_path / "all")
    path = next((machines[0] / "metrics").rglob("*.parquet"))
    path.write_bytes(b"psnr 9")
    found = merge(machines, tmp_path / "all")
    assert found.problems == [f"{path}: other bytes than {tmp_path / 'all' / path.relative_to(machines[0])}; "
                              "delete the one that is wrong"]  # fmt: skip


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("rename", "the folder's name says spec 00000000, but the spec's hash is"),
        ("spec", "not a whole run"),
        ("weights", "not a whole run"),
        ("foreign", "weights.safetensors says spec 12"),
        ("history", "no history.csv"),
    ],
)
def test_broken_runs_are_named(damage: str, expected: str, tmp_path: Path) -> None:
    run = write_run(tmp_path / "one", tiny_spec())
    if damage == "rename":
        run = run.rename(run.with_name("srresnet_small.baseline.s0.00000000"))
    elif damage == "spec":
        (run / "run.json").write_text('{"spec": {"seed": 1}}')
    elif damage == "weights":
        (run / "weights.safetensors").write_bytes((run / "weights.safetensors").read_bytes()[:-4])
    elif damage == "foreign":
        save_weights(run / "weights.safetensors", {"w": torch.zeros(1)}, {"spec_hash": "12"})
    else:
        (run / "history.csv").unlink()
    found = merge([tmp_path / "one"], tmp_path / "all")
    assert len(found.problems) == 1
    assert found.problems[0].startswith(f"{run}: ")
    assert expected in found.problems[0]
    assert not list((tmp_path / "all").glob("runs/*"))


def test_states_come_only_when_asked_for_and_only_of_unfinished_runs(machines: list[Path], tmp_path: Path) -> None:
    into = tmp_path / "all"
    write_state(machines[0], tiny_spec(seed=0))
    begun, both = tiny_spec(seed=5), tiny_spec(seed=6)
    state = write_state(machines[0], begun)
    write_state(machines[0], both)
    own = write_state(into, both, b"own")
    merge(machines, into)
    assert not (into / "state" / begun.hash).exists()
    found = merge(machines, into, with_state=True)
    assert found.copied == [state.relative_to(machines[0])]
    assert own.read_bytes() == b"own"
    assert len(found.unfinished) == 1
    assert both.hash in found.unfinished[0]


def test_a_run_that_is_not_finished_there_is_left_out(machines: list[Path], tmp_path: Path) -> None:
    run = next((machines[0] / "runs").iterdir())
    (run / "weights.safetensors").unlink()
    found = merge(machines, tmp_path / "all")
    assert found.unfinished == [f"{run}: not finished there"]
    assert len(found.copied) == 4


def test_folders_without_results_and_the_target_itself_are_refused(machines: list[Path], tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="no results there"):
        merge([tmp_path], tmp_path / "all")
    with pytest.raises(HarnessError, match="the folder to merge into"):
        merge(machines, machines[0])
