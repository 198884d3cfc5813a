"""What a run does not use is no part of its spec: roles of taps, teachers, entries of catalogues."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.experiment import Experiment, load_experiment
from harness.experiment.catalogues import Catalogues, VariantEntry
from harness.foundation.errors import HarnessError
from tests.experiment.test_experiment import CATALOGUES, changed

NETWORK = "srresnet_small"
USED = {
    "baseline": set(),
    "two_views": set(),
    "simple_align": {"features"},
    "dropout": {"last"},
    "dropout_first": {"first"},
    "dropout_block3": {"block_outputs"},
    "dropout_all": {"first", "block_outputs", "last"},
    "adaptive_dropout": {"blocks", "last"},
    "adaptive_dropout_blocks": {"blocks"},
    "adaptive_dropout_last": {"last"},
    "baseline_pytorch_init": {"blocks"},
    "baseline_released": set(),
    "baseline_released_blocks": {"blocks"},
    "adaptive_dropout_released": {"blocks", "last"},
}
VARIANTS = list(USED)

OWN = """
from harness.regularizers import OptionsModel, Regularizer, TeacherRun

class Silent(Regularizer):
    def attach(self, network, taps, draws):
        taps.points("first")

class Wrong(Silent):
    roles = frozenset({"last"})

class Lacking(Silent):
    roles = frozenset({"attention_tokens"})

class Options(OptionsModel):
    weight: float = 1.0
    teacher: TeacherRun = "baseline"

class Student(Silent):
    Options = Options
    @property
    def uses_teacher(self):
        return self.options.weight > 0
"""


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page_roles.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "page_roles", raising=False)


def load(folder: Path, variants: list[str], catalogues: Catalogues = CATALOGUES) -> Experiment:
    path = folder / "x.yaml"
    path.write_text(yaml.safe_dump(changed("variants", variants)))
    return load_experiment(path, catalogues)


def with_taps(**taps: tuple[str, ...]) -> Catalogues:
    """The catalogues with other taps of the network."""
    entry = CATALOGUES.networks[NETWORK]
    other = entry.model_copy(update={"taps": {**entry.taps, **taps}})
    return replace(CATALOGUES, networks={**CATALOGUES.networks, NETWORK: other})


def with_variant(name: str, entry: dict[str, Any], catalogues: Catalogues = CATALOGUES) -> Catalogues:
    return replace(catalogues, variants={**CATALOGUES.variants, name: VariantEntry(**entry)})


def hashes(experiment: Experiment) -> dict[str, str]:
    return {run.variant: run.spec.hash for run in experiment.runs if run.seed == 0}


def test_a_spec_holds_the_roles_that_the_run_uses(tmp_path: Path) -> None:
    found = {run.variant: set(run.spec.network.taps) for run in load(tmp_path, VARIANTS).runs}
    assert found == USED


def test_a_role_that_is_added_makes_no_other_run(tmp_path: Path) -> None:
    before = hashes(load(tmp_path, VARIANTS))
    assert hashes(load(tmp_path, VARIANTS, with_taps(tails=("body.*.conv2:output",)))) == before


@pytest.mark.parametrize("role", ["last", "blocks", "features", "first", "block_outputs"])
def test_a_role_that_is_changed_makes_others_of_what_acts_there(tmp_path: Path, role: str) -> None:
    before = hashes(load(tmp_path, VARIANTS))
    after = hashes(load(tmp_path, VARIANTS, with_taps(**{role: ("conv_hr:output",)})))
    assert {name for name in before if after[name] != before[name]} == {n for n, used in USED.items() if role in used}


def test_who_does_not_say_its_roles_sees_all_of_them(tmp_path: Path) -> None:
    silent = {"regularizer": "page_roles:Silent"}
    before, after = (
        load(tmp_path, ["baseline", "silent"], with_variant("silent", silent, catalogues))
        for catalogues in (CATALOGUES, with_taps(tails=("body.*.conv2:output",)))
    )
    assert set(before.runs[-1].spec.network.taps) == set(CATALOGUES.networks[NETWORK].taps)
    assert hashes(before)["silent"] != hashes(after)["silent"]


def test_attention_is_in_the_spec_of_who_names_it_alone(tmp_path: Path) -> None:
    """The roles came later: runs on SwinIR that did not name any stay what they were."""
    network = CATALOGUES.networks["swinir_small"]
    first = ("last", "blocks", "features", "first", "block_outputs", "branches")
    assert set(network.taps) == {*first, "attention_tokens", "attention_logits"}
    before = network.model_copy(update={"taps": {role: network.taps[role] for role in first}})
    entries = {"silent": {"regularizer": "page_roles:Silent"}, "lacking": {"regularizer": "page_roles:Lacking"}}
    variants = {**CATALOGUES.variants, **{name: VariantEntry(**entry) for name, entry in entries.items()}}
    path = tmp_path / "swinir.yaml"
    found = {}
    for name, entry, more in (("before", before, []), ("after", network, ["lacking"])):
        catalogues = replace(CATALOGUES, networks={"swinir_small": entry}, variants=variants)
        content = {**changed("networks", ["swinir_small"]), "variants": ["baseline", "dropout", "silent", *more]}
        path.write_text(yaml.safe_dump({**content, "references": ["untrained"]}))
        found[name] = load_experiment(path, catalogues)
    assert hashes(found["before"]).items() < hashes(found["after"]).items()
    assert set(found["after"].runs[-1].spec.network.taps) == {"attention_tokens"}
    (one,), (other,) = (found[name].references for name in ("before", "after"))
    assert one.identifier == other.identifier


def test_a_role_that_the_network_lacks_is_told_before_anything_runs(tmp_path: Path) -> None:
    catalogues = with_variant("mine", {"regularizer": "page_roles:Lacking"})
    with pytest.raises(HarnessError) as caught:
        load(tmp_path, ["baseline", "mine"], catalogues)
    expected = "networks.yaml: srresnet_small: taps.attention_tokens: required by .*regularizers.yaml: mine, but not "
    assert caught.match(expected)
    assert "\n" not in str(caught.value)


def test_what_the_initialization_asks_for_is_in_the_spec_and_in_no_other(tmp_path: Path) -> None:
    runs = load(tmp_path, VARIANTS).runs
    assert {run.variant for run in runs if run.spec.network.upconv == "upconv1"} == {v for v in USED if "released" in v}
    plain = [run for run in runs if "released" not in run.variant]
    assert all("upconv" not in run.spec.network.model_dump() for run in plain)


def test_a_role_that_was_not_said_is_not_there(tmp_path: Path) -> None:
    from harness.training.step import Learner

    run = load(tmp_path, ["baseline", "mine"], with_variant("mine", {"regularizer": "page_roles:Wrong"})).runs[-1]
    with pytest.raises(HarnessError, match="no role 'first' here, but: last; .* or to the roles that the regularizer"):
        Learner(run.spec, "cpu")


def test_a_teacher_that_is_not_needed_is_not_trained_and_not_named(tmp_path: Path) -> None:
    def experiment(teacher: str, weight: float) -> Experiment:
        options = {"teacher": teacher, "weight": weight}
        catalogues = with_variant("student", {"regularizer": "page_roles:Student", "options": options})
        return load(tmp_path, ["baseline", "dropout", "student"], catalogues)

    control, other = experiment("baseline", 0.0), experiment("dropout", 0.0)
    assert hashes(control)["student"] == hashes(other)["student"]
    assert control.teacher(control.runs[-1]) is None
    assert hashes(experiment("baseline", 1.0))["student"] != hashes(experiment("dropout", 1.0))["student"]
    taught = experiment("dropout", 1.0)
    assert taught.teacher(taught.runs[-1]).variant == "dropout"


def test_an_entry_of_a_catalogue_makes_no_other_run(tmp_path: Path) -> None:
    before = hashes(load(tmp_path, VARIANTS))
    more = with_variant("one_more", {"regularizer": "dropout", "options": {"rate": 0.35}})
    networks = {**more.networks, "another": CATALOGUES.networks["rrdb_small"]}
    assert hashes(load(tmp_path, VARIANTS, replace(more, networks=networks))) == before
