"""Ablation studies: every shipped one resolves, equal trainings are one run, and mistakes are one line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.experiment import Experiment, load_experiment
from harness.experiment.ablations import FOLDER, Ablation, ablation_names, find_run, load_ablation
from harness.experiment.run_names import Stems
from harness.foundation.errors import HarnessError
from harness.regularizers import available
from harness.training.schedule import learning_rate
from tests.conftest import ROOT
from tests.experiment.test_experiment import CATALOGUES, changed, content, load

BASES = {name: load_experiment(ROOT / f"configs/experiments/{name}.yaml", CATALOGUES) for name in ("demo", "paper")}
STUDIES = ablation_names()
INITIALIZATION = "adaptive_dropout_initialization"

WHAT_WAS_ASKED = {
    "dropout_rate": {f"0.{digit}" for digit in range(1, 10)},
    "dropout_position": {"first", "last", "block 1", "block 2", "all blocks", "everywhere"},
    "dropout_kind": {"channels, released rate", "elements, released rate"},
    "adaptive_dropout_initial_weight": {"0.3", "0.7"},
    "adaptive_dropout_order": {"first block first", "last block first", "all at once", "random", "no annealing"},
    "adaptive_dropout_interval": {"0.02", "released"},
    "adaptive_dropout_sites": {"blocks and last", "blocks only", "last only"},
    "adaptive_dropout_gate": {"learned, not annealed", "learned, blocks only, not annealed"},
    "adaptive_dropout_initialization": {
        "baseline, upconv1 (other releases)",
        "baseline, blocks and upconv1 (as released)",
        "adaptive dropout, blocks",
        "adaptive dropout, blocks and upconv1 (as released)",
    },
    "simple_align_weight": {"no penalty", "1"},
    "simple_align_terms": {"first order", "second order", "Fourier only", "all"},
    "simple_align_views": {"two views, no penalty"},
    "training_pool": {"no pool", "192"},
    "training_batches": {"each image's own", "one window per batch", "sub-images", "both"},
    "training_target": {"baseline, as it is", "baseline, sharpened"},
    "training_schedule": {"released", "one cosine to 0"},
    "training_weights": {"baseline, averaged", "baseline, raw"},
}


def written(folder: Path, **changes: Any) -> Path:
    """Write a small study that is right but for the changes, and return its folder."""
    study = {
        "title": "Rate",
        "question": "How much?",
        "factor": "rate",
        "control": "none",
        "levels": {"none": {"variant": "baseline"}, "0.5": {"variant": "dropout", "options": {"rate": 0.5}}},
    }
    (folder / "s.yaml").write_text(yaml.safe_dump(study | changes, sort_keys=False))
    return folder


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    return load(tmp_path, content())


def test_the_studies_are_those_that_were_asked_for() -> None:
    assert set(WHAT_WAS_ASKED) == set(STUDIES)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("name", STUDIES)
def test_every_study_resolves_on_every_base(name: str, base: str) -> None:
    experiment = BASES[base]
    study = load_ablation(experiment, name)
    assert WHAT_WAS_ASKED[name] <= set(study.levels)
    assert study.file.control in study.levels
    assert len(study.runs) == len(study.levels) * len(experiment.file.seeds)
    assert len({run.name for run in study.runs}) == len(study.runs), "two levels are the same training"
    stems = Stems(CATALOGUES)
    for run in study.runs:
        assert re.fullmatch(r"[\w-]+\.[\w-]+\.s\d+\.[0-9a-f]{8}", run.name)
        assert [n for n in available() if re.fullmatch(stems.pattern(n), run.stem)] == [run.regularizer]


@pytest.mark.parametrize(("base", "blocks"), [("demo", 2), ("paper", 16)])
def test_a_level_per_block_of_the_network(base: str, blocks: int) -> None:
    study = load_ablation(BASES[base], "dropout_position")
    numbered = [name for name in study.levels if re.fullmatch(r"block \d+", name)]
    assert numbered == [f"block {number}" for number in range(1, blocks + 1)]
    options = {run.variant: run.spec.regularizer.options["positions"] for run in study.runs if run.variant in numbered}
    assert options == {f"block {number}": [f"block_{number}"] for number in range(1, blocks + 1)}


@pytest.mark.parametrize("base", BASES)
def test_equal_trainings_are_one_run_everywhere(base: str) -> None:
    """Across all studies and the experiment: as many folders as specs, and the experiment's own are reused."""
    experiment = BASES[base]
    runs = [*experiment.runs, *(run for name in STUDIES for run in load_ablation(experiment, name).runs)]
    assert len({run.name for run in runs}) == len({run.spec.hash for run in runs})
    own = {run.name for run in experiment.runs}
    controls = [load_ablation(experiment, name) for name in ("dropout_rate", "adaptive_dropout_sites", "training_pool")]
    for study in controls:
        assert own & {run.name for run in study.runs if run.variant == study.file.control}
    assert experiment.run(f"{experiment.file.networks[0]}.baseline.s0").name in own


def test_levels_that_need_an_upsampling_convolution_are_left_out_where_there_is_none(tmp_path: Path) -> None:
    study = load_ablation(load(tmp_path, changed("networks", ["srresnet_small", "rrdb_small"])), INITIALIZATION)
    drawn = {(run.network, run.variant): run.spec.network for run in study.runs}
    without = [level for level in study.levels if "upconv1" not in level]
    assert [level for network, level in drawn if network == "rrdb_small"] == without
    assert [level for network, level in drawn if network == "srresnet_small"] == list(study.levels)
    for (network, level), spec in drawn.items():
        assert spec.upconv == ("upconv1" if "upconv1" in level else None), (network, level)


def test_options_by_network_hold_below_what_a_level_changes(tmp_path: Path) -> None:
    experiment = load(tmp_path, changed("networks", ["srresnet_small", "rrdb_small"]))
    rates = {
        run.network: run.spec.regularizer.options["rate"] for run in _level(experiment, "dropout_kind", "elements,")
    }
    assert rates == {"srresnet_small": 0.7, "rrdb_small": 0.5}
    assert {run.spec.regularizer.options["rate"] for run in _level(experiment, "dropout_rate", "0.3")} == {0.3}


def _level(experiment: Experiment, study: str, level: str) -> list[Any]:
    runs = load_ablation(experiment, study).runs
    first = next(run.variant for run in runs if run.variant.startswith(level))
    return [run for run in runs if run.variant == first]


def test_training_settings_reach_the_spec(experiment: Experiment) -> None:
    raw = _level(experiment, "training_weights", "baseline, raw")[0].spec.training
    assert raw.weights == "raw"
    assert raw.iterations == experiment.training.iterations
    (pool,) = {run.spec.training.pool for run in _level(experiment, "training_pool", "48")}
    assert pool == 48


def test_the_constant_schedule_is_constant() -> None:
    training = _level(BASES["paper"], "training_schedule", "constant")[0].spec.training
    total, base = training.iterations, training.learning_rate
    rates = [learning_rate(step, total, base, training.schedule) for step in (0, total // 2, total - 1)]
    assert rates == pytest.approx([base] * 3, rel=1e-5)


def test_runs_of_studies_are_found_by_name(experiment: Experiment) -> None:
    study = load_ablation(experiment, "dropout_rate")
    assert find_run(experiment, study.runs[-1].name) == study.runs[-1]
    assert find_run(experiment, experiment.runs[0].name) is experiment.runs[0]
    with pytest.raises(HarnessError, match="no run 'srresnet_small.dropuot.s0'"):
        find_run(experiment, "srresnet_small.dropuot.s0")


def test_a_broken_study_does_not_hide_the_runs_of_others(experiment: Experiment, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("title: 1")
    run = load_ablation(experiment, "s", written(tmp_path)).runs[-1]
    assert find_run(experiment, run.name, tmp_path).name == run.name


HALF = {"variant": "dropout", "options": {"rate": 0.5}}
NONE = {"variant": "baseline"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"contrl": "none"}, "s.yaml: contrl: unknown key; allowed: axis, control, factor, levels, question, title"),
        ({"control": "nothing"}, "s.yaml: file: control 'nothing': must be one of the levels: none, 0.5"),
        (
            {"levels": {"none": NONE, "0.5": HALF | {"option": {}}}},
            "levels.0.5.option: unknown key; allowed: each_block",
        ),
        ({"levels": {"none": NONE, "0.5": {"variant": "dropuot"}}}, "levels.0.5.variant: 'dropuot': unknown; allowed:"),
        (
            {"levels": {"none": NONE, "b": {"variant": "dropout", "options": {"rat": 1}}}},
            "levels.b: regularizer dropout",
        ),
        (
            {"levels": {"none": NONE, "b": NONE | {"training": {"pol": 4}}}},
            "levels.b: training.pol: unknown key; allowed",
        ),
        (
            {"levels": {"none": NONE, "b": NONE | {"training": {"device": "cuda"}}}},
            "training.device: is the experiment's",
        ),
        (
            {"levels": {"none": NONE, "block {block}": HALF}},
            "level 'block {block}': each_block and {block} in the name",
        ),
        ({"levels": {"none": NONE}}, "levels"),
        ({"levels": {"none": NONE | {"needs_upconv": True}, "0.5": HALF}}, "control 'none': must be on every network"),
        ({"axis": "log", "levels": {"none": NONE, "0": HALF}}, "level '0': 0 has no place on a log axis"),
        ({"axis": "linear", "levels": {"none": NONE, "half": HALF}}, "level 'half': a linear axis needs a number"),
        (
            {"levels": {"none": NONE, "b": {"variant": "adaptive_dropout", "options": {"interval": 0.001}}}},
            "training.iterations: 100: ",
        ),
    ],
)
def test_a_mistake_is_one_line(experiment: Experiment, tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(HarnessError) as caught:
        load_ablation(experiment, "s", written(tmp_path, **changes))
    message = str(caught.value)
    assert expected in message
    assert "\n" not in message
    assert str(tmp_path) in message


def test_an_unknown_study_is_one_line(experiment: Experiment) -> None:
    with pytest.raises(HarnessError, match=f"{FOLDER}: 'dropout': no such study; there are: adaptive_dropout_gate"):
        load_ablation(experiment, "dropout")


def test_a_network_that_does_not_count_its_blocks(experiment: Experiment) -> None:
    network = CATALOGUES.networks["srresnet_small"].model_copy(update={"blocks": None})
    catalogues = type(CATALOGUES)(**{**vars(CATALOGUES), "networks": {"srresnet_small": network}})
    other = Experiment(experiment.path, experiment.file, catalogues)
    with pytest.raises(HarnessError, match=r"networks\.yaml: srresnet_small: blocks: required by .*dropout_position"):
        load_ablation(other, "dropout_position")


def test_networks_count_their_blocks_rightly() -> None:
    """Small ones are built and counted in tests/regularizers; here by what the classes are told."""
    for name, network in CATALOGUES.networks.items():
        told = network.arguments.get("num_block") or len(network.arguments["depths"])
        assert network.blocks == told, name


def test_the_number_of_blocks_is_no_part_of_a_spec(experiment: Experiment) -> None:
    study: Ablation = load_ablation(experiment, "dropout_position")
    assert all("blocks" not in run.spec.network.model_dump() for run in study.runs)
