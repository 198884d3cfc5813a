"""Folders of runs: equal trainings share one, and each belongs to one regularizer's rule."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.experiment import Experiment, Run
from harness.experiment.catalogues import Catalogues, VariantEntry
from harness.experiment.run_names import Stems
from harness.foundation.errors import HarnessError
from harness.regularizers import available
from tests.experiment.test_experiment import CATALOGUES, changed, content, load

STEMS = Stems(CATALOGUES)


def one(experiment: Experiment, entry: dict[str, Any], network: str = "srresnet_small") -> Run:
    return experiment.span(network, "level", VariantEntry(**entry))[0]


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    return load(tmp_path, content())


@pytest.mark.parametrize(
    ("entry", "stem"),
    [
        ({"regularizer": "baseline"}, "baseline"),
        ({"regularizer": "dropout"}, "dropout"),
        ({"regularizer": "dropout", "options": {"rate": 0.7, "kind": "channel"}}, "dropout"),
        ({"regularizer": "dropout", "options": {"rate": 0.5}}, "dropout_q50"),
        ({"regularizer": "dropout", "options": {"rate": 0.45}}, "dropout--rate_0p45"),
        (
            {"regularizer": "dropout", "options": {"rate": 0.45, "positions": ["last", "block_2"]}},
            "dropout--rate_0p45-positions_last_block_2",
        ),
        ({"regularizer": "baseline", "initialization": "pytorch"}, "baseline_pytorch_init"),
        ({"regularizer": "dropout", "initialization": "pytorch"}, "dropout--init_pytorch"),
        ({"regularizer": "baseline", "initialization": "default"}, "baseline"),
        ({"regularizer": "baseline", "training": {"usm_target": False}}, "baseline"),
        ({"regularizer": "simple_align", "options": {"weight": 0.0}}, "two_views"),
    ],
)
def test_a_stem_says_regularizer_and_options(experiment: Experiment, entry: dict[str, Any], stem: str) -> None:
    assert one(experiment, entry).stem == stem


def test_a_stem_depends_on_the_network_where_options_do(experiment: Experiment) -> None:
    half = {"regularizer": "dropout", "options": {"rate": 0.5}}
    assert one(experiment, half, "rrdb_small").stem == "dropout"
    assert one(experiment, {"regularizer": "dropout", "options": {"rate": 0.7}}, "rrdb_small").stem == "dropout_q70"


def test_equal_trainings_share_a_folder_and_others_do_not(tmp_path: Path) -> None:
    both = load(tmp_path, changed("variants", ["baseline", "dropout", "dropout_q70", "dropout_q50"]))
    names = [run.name for run in both.runs if run.seed == 0]
    assert names[1] == names[2]
    assert len(set(names)) == 3
    assert both.run("srresnet_small.dropout_q70.s0").name == names[1]
    assert both.run("srresnet_small.dropout_q70.s0." + names[1].rsplit(".", 1)[1]).variant == "dropout_q70"
    assert len(both.metric_files) == 1 + 2 * 3
    assert [method for _, method in both.labelled_metrics][3::2] == ["dropout", "dropout_q70", "dropout_q50"]
    long = one(both, {"regularizer": "baseline", "training": {"iterations": 200}})
    assert long.name.rsplit(".", 1)[0] == names[0].rsplit(".", 1)[0]
    assert long.name != names[0]


def test_each_stem_matches_the_pattern_of_its_regularizer_alone(experiment: Experiment) -> None:
    stems = [*CATALOGUES.variants, "dropout--rate_0p45", "adaptive_dropout--gate_learned-init_pytorch", "baseline--x"]
    for stem in stems:
        owners = [name for name in available() if re.fullmatch(STEMS.pattern(name), stem)]
        assert owners == [STEMS.regularizer(stem)]
        assert not re.fullmatch(STEMS.others(available()), stem)


def test_a_regularizer_of_another_package_has_stems_too() -> None:
    ours = VariantEntry(regularizer="package.module:Class", options={"alpha": 0.5})
    stems = Stems(replace(CATALOGUES, variants={**CATALOGUES.variants, "ours": ours}))
    assert stems.regularizer("ours") == stems.regularizer("package_module_Class--alpha_1") == "package.module:Class"
    for stem in ("ours", "package_module_Class--alpha_1"):
        assert re.fullmatch(stems.others(available()), stem)
        assert not re.fullmatch(stems.others([*available(), "package.module:Class"]), stem)


def test_an_unknown_stem_is_one_line() -> None:
    with pytest.raises(HarnessError, match=r"regularizers\.yaml: 'dropuot--x': no variant's folder is called so"):
        STEMS.regularizer("dropuot--x")


def test_a_mistake_elsewhere_in_the_catalogue_is_not_this_runs_mistake(tmp_path: Path) -> None:
    wrong = {"wrong": VariantEntry(regularizer="dropout", options={"rat": 1.0}), **CATALOGUES.variants}
    catalogues = Catalogues(**{**vars(CATALOGUES), "variants": wrong})
    run = one(Experiment(tmp_path / "x.yaml", load(tmp_path, content()).file, catalogues), {"regularizer": "dropout"})
    assert run.stem == "dropout"
