"""Tuning in an experiment: equal trials for all, seeds of their own, and final runs that say what was chosen."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.experiment import Experiment, load_experiment
from harness.experiment.ablations import find_run
from harness.experiment.catalogues import VariantEntry
from harness.experiment.tuning import Best, Chosen, Trial, Tuning
from harness.foundation.errors import HarnessError
from harness.foundation.sums import seal_json
from harness.spec import TRIAL_SEEDS
from tests.experiment.test_experiment import CATALOGUES, content
from tests.experiment.test_teachers import SOURCE

VARIANTS = ["baseline", "dropout", "two_views", "adaptive_dropout"]


def load(folder: Path, entries: dict[str, VariantEntry] | None = None, **changes: Any) -> Experiment:
    """An experiment that tunes; entries are further variants, changes fields of its file or of ``tuning``."""
    data = content() | {"variants": [*VARIANTS, *(entries or {})], "tuning": {"trials": 4, "iterations": 0.4}}
    data["tuning"] |= {"on": "heldout"} | changes.pop("tuning", {})
    path = folder / "x.yaml"
    path.write_text(yaml.safe_dump(data | changes))
    return load_experiment(path, replace(CATALOGUES, variants=CATALOGUES.variants | (entries or {})))


def tuning_of(experiment: Experiment) -> Tuning:
    assert experiment.tuning is not None
    return experiment.tuning


def trials(experiment: Experiment, variant: str, network: str = "srresnet_small") -> list[Trial]:
    return tuning_of(experiment).of(network, variant)


def choose(experiment: Experiment, number: int) -> Chosen:
    """Choose the trial of this number for every variant, and write that down."""
    tuning = tuning_of(experiment)
    best = [
        Best(
            network=trial.run.network,
            variant=trial.run.variant,
            trial=number,
            run=trial.run.name,
            heldout_l1=0.1,
            learning_rate=trial.run.spec.training.learning_rate,
            options=dict(trial.options),
        )
        for trial in tuning.trials
        if trial.number == number
    ]
    chosen = Chosen(trials=tuning.digest, best=tuple(best))
    seal_json(tuning.file, chosen.model_dump(mode="json"))
    return chosen


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_variant_has_as_many_trials_with_the_same_seeds_and_learning_rates(tmp_path: Path) -> None:
    experiment = load(tmp_path)
    groups = [trials(experiment, variant) for variant in VARIANTS]
    assert [len(group) for group in groups] == [4] * 4
    settings = [[(t.number, t.run.seed, t.run.spec.training) for t in group] for group in groups]
    assert all(one == settings[0] for one in settings)
    assert [t.run.seed for t in groups[0]] == [TRIAL_SEEDS + number for number in range(4)]
    rates = [t.run.spec.training.learning_rate for t in groups[0]]
    assert len(set(rates)) == 4
    assert all(1e-3 / 3 <= rate <= 3e-3 for rate in rates)
    assert {t.run.spec.training.iterations for t in groups[0]} == {40}
    assert not {t.run.seed for t in groups[0]} & set(experiment.file.seeds)


def test_options_are_drawn_where_the_method_says_and_fixed_ones_stay(tmp_path: Path) -> None:
    experiment = load(tmp_path, {"gentle": VariantEntry(regularizer="dropout", options={"kind": "element"})})
    assert [t.options for t in trials(experiment, "baseline")] == [{}] * 4
    for trial in trials(experiment, "dropout"):
        assert trial.run.spec.regularizer.options["rate"] == trial.options["rate"] != 0.7
    assert {t.run.spec.regularizer.options["weight"] for t in trials(experiment, "two_views")} == {0}
    assert {t.run.spec.regularizer.options["kind"] for t in trials(experiment, "gentle")} == {"element"}
    assert all(set(t.options) == {"initial_weight", "rate"} for t in trials(experiment, "adaptive_dropout"))


def test_what_is_drawn_goes_before_what_a_variant_says_for_a_network(tmp_path: Path) -> None:
    experiment = load(tmp_path, networks=["srresnet_small", "rrdb_small"])
    own, other = (trials(experiment, "dropout", network) for network in experiment.file.networks)
    assert [t.run.spec.regularizer.options for t in own] == [t.run.spec.regularizer.options for t in other]


def test_trials_are_shared_whatever_else_the_experiment_asks_for(tmp_path: Path) -> None:
    few = {t.run.name for t in tuning_of(load(tmp_path)).trials}
    more = load(tmp_path, seeds=[5], description="y", tuning={"trials": 6})
    assert few < {t.run.name for t in tuning_of(more).trials}
    assert tuning_of(more).digest != tuning_of(load(tmp_path)).digest


def test_without_a_range_of_learning_rates_the_baseline_repeats_itself_with_other_seeds(tmp_path: Path) -> None:
    experiment = load(tmp_path, tuning={"learning_rate": 1})
    specs = [t.run.spec.model_copy(update={"seed": 0}) for t in trials(experiment, "baseline")]
    assert all(spec == specs[0] for spec in specs)
    assert specs[0].training.learning_rate == 1e-3


def test_a_variant_that_trains_otherwise_is_scaled_like_the_others(tmp_path: Path) -> None:
    entries = {
        "long": VariantEntry(regularizer="baseline", duration=1.5),
        "own": VariantEntry(regularizer="baseline", training={"iterations": 200, "learning_rate": 2e-3}),
    }
    experiment = load(tmp_path, entries)
    for base, long, own in zip(*(trials(experiment, name) for name in ("baseline", *entries)), strict=True):
        assert (base.run.spec.training.iterations, long.run.spec.training.iterations) == (40, 60)
        assert own.run.spec.training.iterations == 80
        rate = base.run.spec.training.learning_rate
        assert own.run.spec.training.learning_rate == pytest.approx(2 * rate, rel=5e-3)


def test_final_runs_say_what_was_chosen_and_have_the_seeds_of_the_experiment(tmp_path: Path) -> None:
    experiment = load(tmp_path)
    tuning = tuning_of(experiment)
    chosen = choose(experiment, 2)
    assert tuning.chosen() == chosen
    runs = tuning.final_runs(chosen)
    assert [(run.variant, run.seed) for run in runs] == [(name, seed) for name in VARIANTS for seed in (0, 1)]
    for run in runs:
        trial = trials(experiment, run.variant)[2]
        changed = {"iterations": 100, "learning_rate": trial.run.spec.training.learning_rate}
        training = experiment.training.model_copy(update=changed)
        assert run.spec == trial.run.spec.model_copy(
            update={
                "seed": run.seed,
                "training": trial.run.spec.training.model_copy(update={"iterations": training.iterations}),
            }
        )
        assert run.name.endswith(run.spec.hash[:8])
        assert find_run(experiment, run.name) == run
    assert find_run(experiment, trials(experiment, "dropout")[3].run.name) == trials(experiment, "dropout")[3].run
    assert not {run.spec.hash for run in runs} & {run.spec.hash for run in experiment.runs}


def test_a_choice_among_other_trials_is_none(tmp_path: Path) -> None:
    choose(load(tmp_path), 1)
    assert tuning_of(load(tmp_path)).chosen() is not None
    assert tuning_of(load(tmp_path, tuning={"trials": 5})).chosen() is None
    assert tuning_of(load(tmp_path, tuning={"iterations": 0.5})).chosen() is None


def test_a_choice_that_names_a_run_of_others_is_refused(tmp_path: Path) -> None:
    experiment = load(tmp_path)
    chosen = choose(experiment, 1)
    first, *rest = chosen.best
    wrong = chosen.model_copy(update={"best": (first.model_copy(update={"trial": 0}), *rest)})
    seal_json(tuning_of(experiment).file, wrong.model_dump(mode="json"))
    with pytest.raises(HarnessError, match=r"chosen\.json: no choice among the trials of .*x\.yaml; run"):
        tuning_of(experiment).chosen()


def test_a_method_without_a_search_space_is_told_with_file_and_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = SOURCE.replace("teacher: TeacherRun", "strength: float = 0.5\n    teacher: TeacherRun")
    (tmp_path / "page_plain.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "page_plain", raising=False)
    expected = r"x\.yaml: tuning: variant 'mine': .*page_plain\.py: Options: declares no search space; write such as "
    with pytest.raises(HarnessError, match=expected + r"strength: Annotated\[float, Search\(low, high\)\]$"):
        load(tmp_path, {"mine": VariantEntry(regularizer="page_plain:Student")})
    fixed = VariantEntry(regularizer="page_plain:Student", fixed=("strength",))
    assert [t.options for t in trials(load(tmp_path, {"mine": fixed}), "mine")] == [{}] * 4


def test_a_teacher_is_a_trial_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page_taught.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "page_taught", raising=False)
    entries = {
        "student": VariantEntry(regularizer="page_taught:Student"),
        "pupil": VariantEntry(regularizer="page_taught:Student", options={"teacher": "dropout"}),
    }
    experiment = load(tmp_path, entries)
    for student, base in zip(trials(experiment, "student"), trials(experiment, "baseline"), strict=True):
        assert student.run.spec.regularizer.options == {"teacher": base.run.spec.hash}
        assert experiment.teacher(student.run) == base.run
    teacher = experiment.teacher(trials(experiment, "pupil")[1].run)
    assert teacher is not None
    assert teacher.spec.regularizer.options["rate"] == 0.7, "a teacher has its own options, not drawn ones"
    assert (teacher.seed, teacher.spec.training.iterations) == (TRIAL_SEEDS + 1, 40)
    assert find_run(experiment, teacher.name) == teacher

    runs = tuning_of(experiment).final_runs(choose(experiment, 1))
    final = next(run for run in runs if (run.variant, run.seed) == ("student", 1))
    taught_by = experiment.teacher(final)
    assert taught_by is not None
    assert (taught_by.variant, taught_by.seed, taught_by.spec.training.iterations) == ("baseline", 1, 100)
    assert load(tmp_path, entries).teacher(final) == taught_by, "also in the process that trains it"
