"""Merging results: equal files are fine, conflicts are named and nothing is overwritten."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pandas as pd
import pytest
import torch

from harness.evaluation.evaluate import COLUMNS, write_metrics
from harness.evaluation.retries import attempts
from harness.foundation import files as foundation_files
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.sums import seal_json, seal_text
from harness.networks.weights import save_weights
from harness.spec import RunSpec
from harness.training.history import Row, write_history
from harness.training.state import Snapshot, StateFolder
from harness.workflow.merge import merge
from tests.training.conftest import tiny_spec


def write_run(results: Path, spec: RunSpec, value: float = 1.0, seconds: float = 10.0) -> Path:
    """A finished run and its metrics; ``value`` stands for what it learned."""
    folder = results / "runs" / f"srresnet_small.baseline.s{spec.seed}.{spec.hash[:8]}"
    write_history(folder / "history.csv", [Row(0, None, None, None, None, value)])
    record = {"spec": spec.model_dump(mode="json"), "spec_hash": spec.hash, "seconds": seconds}
    seal_json(folder / "run.json", record | {"images_per_second": 1.0, "hardware": {"device": "cpu"}})
    weights = {"w": torch.full((3,), value)}
    save_weights(folder / "weights.safetensors", weights, {"spec_hash": spec.hash}, sealed=True)
    write_rows(results / "metrics" / folder.name / "12345678.parquet", value)
    return folder


def write_rows(path: Path, value: float) -> None:
    """One row of metrics."""
    cells = dict.fromkeys(COLUMNS, "x") | {"seed": 0, "value": value, "status": "ok"}
    write_metrics(pd.DataFrame([cells]), path, sealed=True)


def write_state(results: Path, spec: RunSpec, value: float = 1.0) -> Path:
    StateFolder(results / "state" / spec.hash).write(Snapshot(10, {"w": torch.tensor(value)}, {"spec": spec.hash}))
    return results / "state" / spec.hash / "iteration-000000010.state"


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


def test_rows_of_analyses_and_selection_come_along_and_contradictions_are_named(
    machines: list[Path], tmp_path: Path
) -> None:
    columns = "analysis,measure,degradation,layer,depth,image,channel,value,low,high\n"
    text = f"{columns}shift,own_patch_index,blur,last,3,,,2.5,,\n"
    first, second = (next((folder / "runs").glob("*")).name for folder in machines)
    for folder, run in zip(machines, (first, second), strict=True):
        seal_text(folder / "analysis" / run / "abcdef01.000000010.csv", text)
        write_rows(folder / "selection" / run / "abcdef01.000000005.parquet", 20.0)
    (own, other), into = machines, tmp_path / "all"
    sums(own)[f"analysis/{first}/abcdef01.000000010.csv"].unlink()
    assert merge(machines, into).problems == []
    assert files(into) == files(own) | files(other)

    seal_text(own / "analysis" / first / "abcdef01.000000010.csv", text.replace("2.5", "2.6"))
    (other / "analysis" / second / "abcdef01.000000010.csv").write_text(text + "x")
    (into / "analysis" / second / "abcdef01.000000010.csv").unlink()
    found = merge(machines, into)
    contradiction, damage = sorted(found.problems)
    assert re.search(r"one/.*abcdef01\.000000010\.csv: other bytes than .*all/.*; delete the one", contradiction)
    assert re.search(r"two/.*abcdef01\.000000010\.csv: .*; make it again there, or leave it out", damage)
    assert found.copied == []
    (into / "analysis" / second / "abcdef01.000000010.csv.sha256").unlink()
    sums(other)[f"analysis/{second}/abcdef01.000000010.csv"].unlink()
    (other / "analysis" / second / "abcdef01.000000010.csv").write_text("analysis,value\n")
    assert "lacks the column" in sorted(merge(machines, into).problems)[1]


def sums(folder: Path) -> dict[str, Path]:
    """File below a results folder to its sum."""
    return {p.relative_to(folder).as_posix().removesuffix(".sha256"): p for p in folder.rglob("*.sha256")}


def test_what_could_not_be_read_comes_along_so_that_it_is_tried_again(
    machines: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = next((machines[0] / "metrics").rglob("*.parquet"))
    method = path.parent.name
    note = machines[0] / "failures" / method / "12345678.json"
    note.parent.mkdir(parents=True)
    note.write_text('{"attempt": 0, "unreadable": {"results/benchmarks/x4/Set5/blur/baby.png": [1000, 5]}}')
    monkeypatch.chdir(tmp_path)
    merge(machines, Path("results"))
    assert attempts("12345678") == {method: 1}, "the image is another one here"
    (tmp_path / "results" / "failures" / method / "12345678.json").unlink()
    merge(machines, Path("results"))
    assert attempts("12345678") == {}, "metrics that are there already bring nothing back"


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


def test_weights_kept_on_the_way_come_along(machines: list[Path], tmp_path: Path) -> None:
    spec, into = tiny_spec(seed=0), tmp_path / "all"
    (run,) = (machines[0] / "runs").iterdir()
    own = write_run(into, spec)
    for iteration in (10, 20):
        path = layout.kept(run, iteration)
        save_weights(path, {"w": torch.zeros(3)}, {"spec_hash": spec.hash, "iteration": iteration}, sealed=True)
    found = merge(machines[:1], into)
    assert found.copied == [path.relative_to(machines[0]) for path in layout.all_kept(run)]
    assert files(own / "kept") == files(run / "kept")
    save_weights(layout.kept(own, 20), {"w": torch.ones(3)}, {"spec_hash": spec.hash, "iteration": 20}, sealed=True)
    (problem,) = merge(machines[:1], into).problems
    assert "000000020.safetensors: other bytes than" in problem
    layout.kept(own, 20).write_bytes(b"damaged")
    assert merge(machines[:1], into).replaced == [path.relative_to(into) for path in layout.all_kept(own)[1:]]


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
    write_rows(path, 9.0)
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
        seal_text(run / "run.json", '{"spec": {"seed": 1}}')
    elif damage == "weights":
        (run / "weights.safetensors").write_bytes((run / "weights.safetensors").read_bytes()[:-4])
    elif damage == "foreign":
        save_weights(run / "weights.safetensors", {"w": torch.zeros(1)}, {"spec_hash": "12"}, sealed=True)
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
    own = write_state(into, both, 2.0)
    before = own.read_bytes()
    merge(machines, into)
    assert not (into / "state" / begun.hash).exists()
    found = merge(machines, into, with_state=True)
    assert found.copied == [state.relative_to(machines[0])]
    assert own.read_bytes() == before
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


@pytest.mark.parametrize("moment", range(17))
def test_an_interrupted_merge_goes_on(
    moment: int, machines: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight files and their sums are synced one after the other; the disk fills up at each of them in turn."""
    into, synced = tmp_path / "all", 0
    sync = foundation_files._fsync

    def full(path: Path) -> None:
        nonlocal synced
        synced += path.is_file()
        if synced > moment:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(path)

    monkeypatch.setattr(foundation_files, "_fsync", full)
    if moment < 16:
        with pytest.raises(HarnessError, match="the disk is full; free some space and run again"):
            merge(machines, into)
    monkeypatch.undo()
    found = merge(machines, into)
    assert found.problems == []
    assert files(into) == files(machines[0]) | files(machines[1]), "nothing is missing, no sum and no file"


@pytest.mark.parametrize("damage", ["flip", "empty", "foreign"])
@pytest.mark.parametrize("sums", [True, False], ids=["sums", "old"])
@pytest.mark.parametrize("name", ["weights.safetensors", "history.csv", "run.json", "12345678.parquet"])
def test_damaged_files_are_never_copied_and_never_in_the_way(
    name: str, sums: bool, damage: str, machines: list[Path], tmp_path: Path
) -> None:
    (path,) = machines[0].rglob(name)
    good = path.read_bytes()
    flipped = good[:-1] + bytes([good[-1] ^ 1]) if path.suffix == ".parquet" else bytes([good[0] ^ 1]) + good[1:]
    other = next(machines[1].rglob(name)).read_bytes()
    bad = {"flip": flipped, "empty": b"", "foreign": other}[damage]
    if damage == "foreign" and (not sums or bad == good):
        bad = b"{}"  # without a sum, rows and losses of another run cannot be told from its own
    path.write_bytes(bad)
    if not sums:
        for one in tmp_path.rglob("*.sha256"):
            one.unlink()
    into = tmp_path / "all"
    found = merge(machines[:1], into)
    assert len(found.problems) == 1
    assert name in found.problems[0] or path.parent.name in found.problems[0]
    assert not list(into.rglob(name))

    bad_copy = into / path.relative_to(machines[0])
    bad_copy.parent.mkdir(parents=True, exist_ok=True)
    bad_copy.write_bytes(bad)  # as an earlier version copied it
    path.write_bytes(good)
    found = merge(machines[:1], into)
    assert found.problems == []
    assert found.replaced == [path.relative_to(machines[0])]
    assert files(into) == files(machines[0])
    assert merge(machines[:1], into).copied == []


def test_damaged_states_stay_where_they_are(machines: list[Path], tmp_path: Path) -> None:
    begun, foreign = write_state(machines[0], tiny_spec(seed=5)), write_state(machines[0], tiny_spec(seed=6))
    foreign.write_bytes(begun.read_bytes())
    begun.write_bytes(begun.read_bytes()[:-1])
    found = merge(machines, tmp_path / "all", with_state=True)
    assert sorted(found.problems) == sorted(
        [
            f"{begun}: truncated or corrupted; delete it there",
            f"{foreign}: a state of the run {begun.parent.name[:8]}; delete it there",
        ]
    )
    assert not (tmp_path / "all" / "state").exists()
