"""Mistakes in the tuning of an experiment, and in what it is chosen by."""

from __future__ import annotations

from pathlib import Path

from tests.bad_inputs.case import BASE, EXPERIMENT, Case, Make, both, written
from tests.bad_inputs.experiments import CHECK, text

TUNED = BASE.replace("evaluation:", "tuning: {trials: 2, iterations: 0.5, on: heldout}\nevaluation:")
OPTIONS = """
from typing import Annotated

from pydantic import Field

from harness.regularizers import OptionsModel, Regularizer, Search


class Options(OptionsModel):
    strength: FIELD


class Method(Regularizer):
    Options = Options
"""
CHOSEN = "results/mine/tuning/chosen.json"


def section(id: str, given: str, entry: str, answer: str) -> Case:
    """An experiment with this section ``tuning``."""
    content = BASE.replace("evaluation:", f"tuning: {entry}\nevaluation:")
    return text(f"tuning-{id}", given, content, answer)


def changed(id: str, given: str, old: str, new: str, answer: str) -> Case:
    """An experiment that tunes, with one piece of text in place of another."""
    assert old in TUNED, old
    return text(f"tuning-{id}", given, TUNED.replace(old, new), answer)


def method(id: str, given: str, field: str, answer: str, fixed: str = "[]") -> Case:
    """A method of the user's own whose one option is declared so."""
    module = f"tuned_{id.replace('-', '_')}"
    make = both(
        written(f"{module}.py", OPTIONS.replace("FIELD", field)),
        written("configs/regularizers.yaml", f"mine: {{regularizer: '{module}:Method', fixed: {fixed}}}\n"),
        written(EXPERIMENT, TUNED.replace("[baseline]", "[baseline, mine]")),
        _importable,
    )
    return Case(f"tuning-{id}", given, CHECK, answer.replace("MODULE", f"...{module}.py"), make)


def _importable(folder: Path) -> None:
    """Let Python find the user's module, as it does for commands of a shell."""
    import sys

    sys.path.insert(0, str(folder))


def _choice_of_nothing(folder: Path) -> None:
    from harness.experiment import load_experiment
    from harness.foundation.sums import seal_json

    (folder / EXPERIMENT).write_text(TUNED)
    tuning = load_experiment(EXPERIMENT).tuning
    assert tuning is not None
    seal_json(tuning.file, {"trials": tuning.digest, "best": []})


def _altered_choice(folder: Path) -> None:
    _choice_of_nothing(folder)
    (folder / CHOSEN).write_text("{}")


def _diverged(folder: Path) -> None:
    (folder / EXPERIMENT).write_text(TUNED.replace("0.001", "1.0e+30").replace("iterations: 4", "iterations: 12"))
    from tests.bad_inputs.conftest import call

    for dataset in ("embedded_train", "embedded_heldout"):
        assert call("pack", EXPERIMENT, dataset) == 0
    for name in _trials():
        assert call("train", EXPERIMENT, "--run", name) == 0


def _trials() -> list[str]:
    from harness.experiment import load_experiment

    tuning = load_experiment(EXPERIMENT).tuning
    return [trial.run.name for trial in tuning.trials] if tuning else []


def asked(id: str, given: str, command: str, answer: str, make: Make) -> Case:
    """A command of tuning."""
    return Case(f"tuning-{id}", given, f"{command} {EXPERIMENT}", answer, make)


CASES = [
    Case(
        "tuning-on",
        "`on`, which YAML takes for a truth value, as a key without quotes",
        CHECK,
        f"{EXPERIMENT}: 1 runs...",
        written(EXPERIMENT, TUNED),
        status=0,
    ),
    section(
        "negative",
        "a negative number of trials",
        "{trials: -8, iterations: 0.2, on: heldout}",
        "tuning.trials: -8: input should be greater than or equal to 2",
    ),
    section(
        "one-trial",
        "one trial, which leaves nothing to choose from",
        "{trials: 1, iterations: 0.2, on: heldout}",
        "tuning.trials: 1: input should be greater than or equal to 2",
    ),
    section(
        "no-iterations",
        "trials without iterations",
        "{trials: 8, iterations: 0, on: heldout}",
        "tuning.iterations: 0: input should be greater than 0",
    ),
    section(
        "longer",
        "trials longer than the training: a number of iterations where a part is meant",
        "{trials: 8, iterations: 200, on: heldout}",
        "tuning.iterations: 200: input should be less than or equal to 1",
    ),
    section(
        "on-test",
        "a test set to choose by",
        "{trials: 8, iterations: 0.2, on: embedded_test}",
        "tuning.on: 'embedded_test': input should be 'heldout'",
    ),
    section(
        "rate",
        "a factor of the learning rate below 1",
        "{trials: 8, iterations: 0.2, on: heldout, learning_rate: 0.5}",
        "tuning.learning_rate: 0.5: input should be greater than or equal to 1",
    ),
    changed(
        "without-heldout",
        "tuning without held-out images",
        "  heldout: embedded_heldout\n",
        "",
        "training.heldout: required, but not given",
    ),
    changed(
        "heldout-tested",
        "held-out images that are tested on",
        "heldout: embedded_heldout",
        "heldout: embedded_test",
        "training.heldout: 'embedded_test': tuning would choose by images of the test set 'embedded_test'; name other "
        "ones",
    ),
    changed(
        "seed",
        "a seed of the trials for a result",
        "seeds: [0]",
        "seeds: [0, 10000001]",
        "seeds: 10000001: seeds from 10000000 on are those of tuning trials; use a smaller one",
    ),
    changed(
        "too-short",
        "trials with fewer iterations than a method has steps",
        "variants: [baseline]\nseeds: [0]\ntraining:\n  data: embedded_train\n  heldout: embedded_heldout\n"
        "  degradation: second_order\n  iterations: 4\n",
        "variants: [baseline, adaptive_dropout]\nseeds: [0]\ntraining:\n  data: embedded_train\n"
        "  heldout: embedded_heldout\n  degradation: second_order\n  iterations: 40\n",
        "tuning: trial 0 of 'adaptive_dropout', 20 iterations: training.iterations: 20: variant 'adaptive_dropout' "
        "anneals in steps and needs at least 26",
    ),
    method(
        "no-space",
        "a method whose options have no search space",
        "float = Field(default=0.1, ge=0)",
        f"{EXPERIMENT}: tuning: variant 'mine': MODULE: Options: declares no search space; write such as strength: "
        "Annotated[float, Search(low, high)]",
    ),
    Case(
        "tuning-nothing-free",
        "the same with all its options fixed",
        CHECK,
        f"{EXPERIMENT}: 2 runs...",
        method("all-fixed", "", "float = Field(default=0.1, ge=0)", "", "[strength]").make,
        status=0,
    ),
    method(
        "space-beyond",
        "a search space that an option does not allow",
        "Annotated[float, Search(0.5, 2.0)] = Field(default=0.5, lt=1)",
        f"{EXPERIMENT}: tuning: MODULE: Options.strength: 2.0 of its search space, 0.5 to 2, is no value of it",
    ),
    method(
        "space-reversed",
        "a search space from much to little",
        "Annotated[float, Search(2.0, 0.5)] = 1.0",
        "...: mine: regularizer 'tuned_space_reversed:Method': module 'tuned_space_reversed': Search(2.0, 0.5): the first number must be less than the second",
    ),
    method(
        "space-log",
        "a logarithmic search space from 0",
        "Annotated[float, Search(0, 1, log=True)] = 1.0",
        "...: mine: regularizer 'tuned_space_log:Method': module 'tuned_space_log': Search(0, 1, log=True): both numbers must be greater than 0",
    ),
    method(
        "fixed-unknown",
        "a fixed option that does not exist",
        "Annotated[float, Search(0.5, 2.0)] = 1.0",
        f"{EXPERIMENT}: tuning: ...regularizers.yaml: mine: fixed: 'strenght': unknown option; allowed: strength",
        "[strenght]",
    ),
    asked(
        "none",
        "a choice in an experiment that does not tune",
        "choose",
        f"{EXPERIMENT}: tuning: is missing; write such as tuning: {{trials: 8, iterations: 0.2, on: heldout}}",
        written(EXPERIMENT, BASE),
    ),
    asked(
        "unfinished",
        "a choice before the trials have ended",
        "choose",
        "results/runs/srresnet_tiny.baseline.s10000000.../run.json: no such file; run `python -m harness train "
        "EXPERIMENT --run srresnet_tiny.baseline.s10000000...` to make it again",
        written(EXPERIMENT, TUNED),
    ),
    asked(
        "not-chosen",
        "results of tuning before the choice",
        "tuning",
        f"{CHOSEN}: no choice among the trials of {EXPERIMENT}; run `python -m harness choose EXPERIMENT` to make it "
        "again",
        written(EXPERIMENT, TUNED),
    ),
    asked(
        "choice-of-nothing",
        "a choice that leaves out a method",
        "tuning",
        f"{CHOSEN}: no choice among the trials of {EXPERIMENT}; run `python -m harness choose EXPERIMENT` to make it "
        "again",
        _choice_of_nothing,
    ),
    asked(
        "choice-altered",
        "a choice that somebody edited",
        "tuning",
        f"{CHOSEN}: ...; run `python -m harness choose EXPERIMENT` to make it again",
        _altered_choice,
    ),
    asked(
        "all-diverged",
        "a learning rate at which no trial trains",
        "choose",
        f"{EXPERIMENT}: tuning: all 2 trials of 'baseline' on srresnet_tiny diverged; lower training.learning_rate, or "
        "narrow the search space of its options",
        _diverged,
    ),
]
