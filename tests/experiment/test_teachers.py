"""Teachers in experiments: a name becomes the spec hash of a run, for each network and seed."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from harness.experiment import Experiment, load_experiment
from harness.experiment.catalogues import VariantEntry
from harness.foundation.errors import HarnessError
from tests.experiment.test_experiment import CATALOGUES, changed

SOURCE = """
from harness.regularizers.base import Regularizer, TeacherRun
from harness.foundation.yamlfile import StrictModel

class Options(StrictModel):
    teacher: TeacherRun = "baseline"

class Student(Regularizer):
    Options = Options
    def attach(self, network, taps, draws):
        pass
"""


@pytest.fixture(autouse=True)
def _students(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page_student.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "page_student", raising=False)


def load(folder: Path, **teachers: str) -> Experiment:
    """An experiment with the baseline and students, by their teachers."""
    path = folder / "x.yaml"
    path.write_text(yaml.safe_dump(changed("variants", ["baseline", *teachers])))
    path_of_class = "page_student:Student"
    entries = {n: VariantEntry(regularizer=path_of_class, options={"teacher": t}) for n, t in teachers.items()}
    return load_experiment(path, replace(CATALOGUES, variants=CATALOGUES.variants | entries))


def test_the_spec_names_the_run_of_the_same_seed(tmp_path: Path) -> None:
    experiment = load(tmp_path, student="baseline")
    for seed in (0, 1):
        student = experiment.run(f"srresnet_small.student.s{seed}")
        teacher = experiment.run(f"srresnet_small.baseline.s{seed}")
        assert student.spec.regularizer.options == {"teacher": teacher.spec.hash}
        assert experiment.teacher(student) is teacher
        assert experiment.teacher(teacher) is None
        assert experiment.teacher_weights(student) == Path("results/runs", teacher.name, "weights.safetensors")
    assert experiment.run("srresnet_small.student.s0").name.startswith("srresnet_small.student.s0.")


def test_teachers_have_teachers(tmp_path: Path) -> None:
    experiment = load(tmp_path, pupil="student", student="baseline")
    student = experiment.run("srresnet_small.student.s1")
    assert experiment.teacher(experiment.run("srresnet_small.pupil.s1")) is student


@pytest.mark.parametrize(
    ("teachers", "message"),
    [
        ({"student": "dropout"}, "teacher: 'dropout': must be one of the experiment's variants: baseline, student"),
        ({"student": "student"}, "teacher: 'student': learns from itself, directly or through others"),
        ({"one": "two", "two": "one"}, "learns from itself, directly or through others"),
    ],
)
def test_impossible_teachers_are_one_line(tmp_path: Path, teachers: dict[str, str], message: str) -> None:
    with pytest.raises(HarnessError) as caught:
        load(tmp_path, **teachers)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
