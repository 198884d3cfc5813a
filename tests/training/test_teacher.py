"""Learning from a trained network: its weights are checked, shown each batch, and part of what a state must fit."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from harness.foundation.errors import HarnessError
from harness.networks.build import build_network
from harness.networks.teacher import Teacher
from harness.networks.weights import load_weights, save_weights
from harness.regularizers import resolve_options, teacher_of
from harness.spec import RegularizerSpec, RunSpec
from harness.training.train import Job, train
from tests.training.conftest import job, tiny_spec
from tests.tutorial import blocks

HASH = "ab" * 32


@pytest.fixture
def hints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The import path of the tutorial's regularizer with a teacher."""
    (code,) = [b for b in blocks("new-regularizer.md", "A rule that differs: a teacher") if b.language == "python"]
    (tmp_path / "page_hints.py").write_text(code.text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "page_hints", raising=False)
    return "page_hints:FeatureHints"


def student(name: str, weight: float) -> RunSpec:
    options = resolve_options(name, {"weight": weight, "teacher": HASH})
    return tiny_spec(iterations=4, heldout_every=4).model_copy(
        update={"regularizer": RegularizerSpec(regularizer=name, options=options)}
    )


def teach(folder: Path, seed: int, spec_hash: str = HASH) -> Path:
    """Write weights as a run with that hash would."""
    path = folder / f"teacher{seed}.safetensors"
    save_weights(path, build_network(tiny_spec().network, seed).state_dict(), {"spec_hash": spec_hash}, sealed=True)
    return path


def run(spec: RunSpec, where: Job) -> dict[str, torch.Tensor]:
    train(spec, where)
    return load_weights(where.output / "weights.safetensors")


def test_the_teacher_is_the_network_of_the_run(tmp_path: Path) -> None:
    spec = tiny_spec().network
    network = build_network(spec, 3)
    teacher = Teacher(network, spec.taps)
    with pytest.raises(RuntimeError, match="has not seen"):
        _ = teacher.output
    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    teacher.look(images)
    assert torch.equal(teacher.output, build_network(spec, 3)(images))
    assert teacher.features.shape == (2, 8, 32, 32)
    assert not teacher.features.requires_grad
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_students_move_towards_their_teacher(packs: Path, tmp_path: Path, hints: str) -> None:
    near = replace(job(packs, tmp_path / "near"), teacher=teach(tmp_path, seed=1))
    far = replace(job(packs, tmp_path / "far"), teacher=near.teacher)
    with_hints, without = run(student(hints, 1000.0), near), run(student(hints, 0.0), far)
    plain = run(tiny_spec(iterations=4, heldout_every=4), job(packs, tmp_path / "plain"))
    assert all(torch.equal(without[name], plain[name]) for name in plain)
    assert any(not torch.equal(with_hints[name], plain[name]) for name in plain)


def test_another_teacher_starts_afresh(
    packs: Path, tmp_path: Path, hints: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, where = student(hints, 1000.0), job(packs, tmp_path / "run")
    first = run(spec, replace(where, teacher=teach(tmp_path, seed=1)))
    second = run(spec, replace(where, teacher=teach(tmp_path, seed=2)))
    assert "the teacher was trained anew; starting afresh" in capsys.readouterr().err
    assert any(not torch.equal(first[name], second[name]) for name in first)


def test_wrong_teachers_are_refused(packs: Path, tmp_path: Path, hints: str) -> None:
    spec, where = student(hints, 1.0), job(packs, tmp_path / "run")
    assert teacher_of(spec.regularizer) == ("teacher", HASH)
    with pytest.raises(HarnessError, match=f"needs the weights of the run {HASH}"):
        train(spec, where)
    with pytest.raises(HarnessError, match=r"weights of the run other, but abab"):
        train(spec, replace(where, teacher=teach(tmp_path, 1, "other")))
    with pytest.raises(HarnessError, match="no such weight file"):
        train(spec, replace(where, teacher=tmp_path / "none.safetensors"))
    altered = teach(tmp_path, 2)
    content = altered.read_bytes()
    altered.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(HarnessError, match=r"teacher2\.safetensors: not what was written"):
        train(spec, replace(where, teacher=altered))
