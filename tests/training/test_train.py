"""A whole run: outputs, exact memory under every kind of death, and errors that say what to do."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.networks.weights import load_weights
from harness.spec import RunSpec
from harness.training import train as train_module
from harness.training.kept_weights import Keeping
from harness.training.progress import Progress
from harness.training.train import Job, train
from tests.training.conftest import job, tiny_spec

REGULARIZERS = ["baseline", "dropout", "simple_align", "adaptive_dropout"]
RESULT_FILES = ("weights.safetensors", "history.csv")


def results(folder: Path) -> dict[str, bytes]:
    return {name: (folder / "run" / name).read_bytes() for name in RESULT_FILES}


def kept(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "run" / "kept").iterdir()}


def trained(spec: RunSpec, packs: Path, folder: Path, **changes: Any) -> dict[str, bytes]:
    train(spec, job(packs, folder, **changes))
    return results(folder)


def killed_after(steps: int, delay: float, spec: RunSpec, where: Job) -> int:
    """Train in a forked child; SIGKILL it ``delay`` seconds after ``steps`` further steps. Return its exit status."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        sys.stdout = sys.stderr = io.StringIO()
        advance = Progress.advance

        def told(self: Progress) -> None:
            advance(self)
            os.write(writer, b".")

        Progress.advance = told  # type: ignore[method-assign]
        try:
            train(spec, where)
        finally:
            os._exit(0)
    os.close(writer)
    seen = 0
    while seen < steps and os.read(reader, 1):
        seen += 1
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    os.close(reader)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("regularizer", REGULARIZERS)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning")
def test_twenty_sigkills_change_no_byte(packs: Path, tmp_path: Path, regularizer: str) -> None:
    kills = 20
    spec = tiny_spec(regularizer, iterations=4 * kills + 10)
    undisturbed = trained(spec, packs, tmp_path / "whole", keeping=Keeping(7, raw=True))
    moments = random.Random(regularizer)
    where = job(packs, tmp_path / "killed", save_every=2, keeping=Keeping(7, raw=True))
    for _ in range(kills):
        status = killed_after(moments.randrange(5), moments.random() * 0.04, spec, where)
        assert status == -signal.SIGKILL
    names = ("run/kept/.000000007.ab.safetensors", "run/.weights.ab.safetensors", "state/.iteration-000000002.ab.state")
    for name in names:
        (tmp_path / "killed" / name).write_bytes(b"half")  # what a kill leaves that comes while a file is written
    train(spec, where)
    assert not list((tmp_path / "killed").rglob(".*"))
    assert results(tmp_path / "killed") == undisturbed
    assert kept(tmp_path / "killed") == kept(tmp_path / "whole")
    assert len(kept(tmp_path / "whole")) == 12 * 2 * 2, "of 90 iterations 12 files of either kind, each with its sum"


def test_the_same_run_twice_gives_the_same_bytes(packs: Path, tmp_path: Path) -> None:
    """Saving states at every iteration, and keeping weights at some, is no part of it."""
    spec = tiny_spec("adaptive_dropout", options={"gate": "learned", "order": "none"})
    often = {"save_every": 1, "save_seconds": 0.0, "keeping": Keeping(29)}
    assert trained(spec, packs, tmp_path / "a") == trained(spec, packs, tmp_path / "b", **often)
    assert set(kept(tmp_path / "b")) == {"000000029.safetensors", "000000029.safetensors.sha256"}


def test_what_is_kept_is_what_the_state_holds(packs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained(tiny_spec("dropout"), packs, tmp_path, keeping=Keeping(10, raw=True))
    state = layout.generation(tmp_path / "state", 20).read_bytes()[32:]
    tensors, folder = safetensors.torch.load(state), tmp_path / "run"
    for raw, prefix in ((False, "average/"), (True, "network/")):
        weights = load_weights(layout.kept(folder, 20, raw))
        assert weights
        for name, tensor in weights.items():
            assert torch.equal(tensor, tensors[prefix + name])
    last, final = load_weights(layout.kept(folder, 30)), load_weights(folder / "weights.safetensors")
    assert all(torch.equal(last[name], tensor) for name, tensor in final.items())
    assert "lacks" not in capsys.readouterr().err
    # Another number later on: nothing is trained again by itself, and what is lacking is said.
    before = kept(tmp_path)
    trained(tiny_spec("dropout"), packs, tmp_path, keeping=Keeping(15))
    assert kept(tmp_path) == before
    expected = "1 of the 2 files of weights to be kept up to iteration 30 are not there, first 000000015.safetensors"
    assert expected in capsys.readouterr().err
    for path in (tmp_path / "state").glob("*.state"):
        path.unlink()
    trained(tiny_spec("dropout"), packs, tmp_path, keeping=Keeping(15))
    assert [path.name for path in layout.all_kept(folder)] == ["000000015.safetensors", "000000030.safetensors"]


def test_outputs_tell_what_happened(packs: Path, tmp_path: Path) -> None:
    spec = tiny_spec("simple_align")
    trained(spec, packs, tmp_path)
    rows = list(csv.DictReader((tmp_path / "run" / "history.csv").read_text().splitlines()))
    assert [int(row["iteration"]) for row in rows] == [0, 7, 11, 14, 21, 22, 28, 30]
    assert [bool(row["heldout_l1"]) for row in rows] == [True, False, True, False, False, True, False, True]
    for row in rows[1:]:
        assert float(row["loss"]) == pytest.approx(float(row["l1"]) + float(row["penalty"]))
        assert float(row["penalty"]) > 0
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["spec"] == spec.model_dump(mode="json")
    assert record["spec_hash"] == spec.hash
    assert record["seconds"] > 0
    assert record["peak_memory_bytes"] > 1_000_000
    assert record["heldout_l1_initial"] == float(rows[0]["heldout_l1"])
    assert record["heldout_l1_final"] == float(rows[-1]["heldout_l1"])


def test_averaged_or_raw_weights_are_handed_over(packs: Path, tmp_path: Path) -> None:
    trained(tiny_spec(), packs, tmp_path / "ema")
    trained(tiny_spec(weights="raw"), packs, tmp_path / "raw")
    averaged, raw = (load_weights(tmp_path / kind / "run" / "weights.safetensors") for kind in ("ema", "raw"))
    assert averaged.keys() == raw.keys()
    assert not torch.equal(averaged["conv_last.weight"], raw["conv_last.weight"])


@pytest.mark.usefixtures("hangups_count")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_saves_the_state_and_the_next_call_goes_on(
    packs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
) -> None:
    spec = tiny_spec("dropout")
    undisturbed = trained(spec, packs, tmp_path / "whole")
    advance, seen = Progress.advance, []

    def interrupting(self: Progress) -> None:
        advance(self)
        seen.append(1)
        if len(seen) == 13:
            signal.raise_signal(number)

    monkeypatch.setattr(Progress, "advance", interrupting)
    with pytest.raises(SystemExit) as stopped:
        trained(spec, packs, tmp_path / "stopped")
    assert stopped.value.code == 128 + number
    assert "stopped at iteration 13, state saved; run again to go on" in capsys.readouterr().err
    assert trained(spec, packs, tmp_path / "stopped") == undisturbed
    assert len(seen) == 30
    sessions = json.loads((tmp_path / "stopped" / "run" / "run.json").read_text())["sessions"]
    assert [session["from_iteration"] for session in sessions] == [0, 13]


def test_a_finished_run_is_written_again_without_training(
    packs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = trained(tiny_spec(), packs, tmp_path)
    for name in RESULT_FILES:
        (tmp_path / "run" / name).unlink()

    def refuse(*arguments: object) -> None:
        raise AssertionError("a finished run trained again")

    monkeypatch.setattr(train_module.Learner, "step", refuse)
    assert trained(tiny_spec(), packs, tmp_path) == before


def test_changed_code_trains_a_finished_run_afresh(
    packs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(tiny_spec(), packs, tmp_path)
    monkeypatch.setattr(train_module, "code_digest", lambda modules: "other code")
    trained(tiny_spec(), packs, tmp_path)
    sessions = json.loads((tmp_path / "run" / "run.json").read_text())["sessions"]
    assert [session["from_iteration"] for session in sessions] == [0]


def test_other_images_start_afresh(packs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained(tiny_spec(), packs, tmp_path)
    train(
        tiny_spec(),
        Job("x", tmp_path / "run", tmp_path / "state", packs / "embedded_heldout", packs / "embedded_train"),
    )
    assert "the training images changed; starting afresh" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_state(packs: Path, tmp_path: Path) -> None:
    spec = tiny_spec(iterations=40)
    where = job(packs, tmp_path, save_every=5)
    step = train_module.Learner.step

    def poisoned(self: train_module.Learner, iteration: int, batch: Any) -> None:
        if iteration == 13:
            with torch.no_grad():
                next(iter(self.network.parameters())).fill_(torch.nan)
        step(self, iteration, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_module.Learner, "step", poisoned)
        with pytest.raises(
            HarnessError, match=r"tiny: training\.learning_rate: the loss is not finite at iteration 13"
        ):
            train(spec, where)
    states = sorted(path.name for path in where.state.glob("*.state"))
    assert states[-1] == "iteration-000000010.state"
    train(spec, where)


def test_two_processes_do_not_train_the_same_run_at_once(
    packs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from harness.foundation.files import exclusive

    where = job(packs, tmp_path)
    child = os.fork()
    if child == 0:
        with exclusive(where.state / "lock", "never"):
            (tmp_path / "held").touch()
            time.sleep(1.0)
        os._exit(0)
    while not (tmp_path / "held").exists():
        time.sleep(0.01)
    train(tiny_spec(iterations=25), where)
    os.waitpid(child, 0)
    assert "tiny: waiting for another process that trains this run" in capsys.readouterr().out


def test_unfinished_pack_is_one_line(packs: Path, tmp_path: Path) -> None:
    where = Job("x", tmp_path, tmp_path / "state", tmp_path / "nothing", packs / "embedded_heldout")
    with pytest.raises(HarnessError, match="no finished pack of training images") as caught:
        train(tiny_spec(), where)
    assert "\n" not in str(caught.value)


def test_wrong_scale_is_one_line(packs: Path, tmp_path: Path) -> None:
    spec = tiny_spec(patch=48).model_copy(update={"scale": 2})
    with pytest.raises(HarnessError, match="enlarges"):
        train(spec, job(packs, tmp_path))


def test_another_option_of_performance_is_another_state(packs: Path, tmp_path: Path) -> None:
    specs = [tiny_spec(channels_last=choice) for choice in (False, True)]
    assert specs[0].hash != specs[1].hash
    for spec in specs:
        where = job(packs, tmp_path / spec.hash[:4])
        train(spec, replace(where, state=tmp_path / "state" / spec.hash))
        record = json.loads((where.output / "run.json").read_text())
        assert [session["from_iteration"] for session in record["sessions"]] == [0]
        assert record["spec"]["training"]["channels_last"] == spec.training.channels_last
    assert len(list((tmp_path / "state").iterdir())) == 2


def test_plain_and_fused_updates_agree(packs: Path, tmp_path: Path) -> None:
    trained(tiny_spec(iterations=25), packs, tmp_path / "fused")
    trained(tiny_spec(iterations=25, fused_optimizer=False, foreach_ema=False), packs, tmp_path / "plain")
    fused, plain = (load_weights(tmp_path / kind / "run" / "weights.safetensors") for kind in ("fused", "plain"))
    for name, weight in fused.items():
        torch.testing.assert_close(plain[name], weight, rtol=1e-3, atol=1e-5)
    assert fused.keys() == plain.keys()
