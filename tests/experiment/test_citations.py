"""Every name of the catalogues has a citation or a reason for none, and a project adds its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.datasets.catalogue import CONFIGS, load_catalogue
from harness.degradations.fixed import recipes
from harness.degradations.representatives import contracted, representative_sets
from harness.degradations.sweeps import SWEEPS
from harness.evaluation.metrics import METRICS
from harness.evaluation.references import ReferenceName
from harness.experiment import load_experiment
from harness.experiment.catalogues import Catalogues
from harness.experiment.citations import BIBLIOGRAPHY, KEYS, OWN_KEY, CitationFile, Library, citations
from harness.experiment.file import AnalysisName
from harness.foundation.bibtex import load_bibliography, parse
from harness.foundation.errors import HarnessError
from harness.foundation.yamlfile import load_model
from harness.regularizers import available
from tests.conftest import ROOT

EXPERIMENTS = sorted((CONFIGS / "experiments").glob("*.yaml"))
FIELDS = {"article": "journal", "inproceedings": "booktitle", "book": "publisher", "misc": "title"}
"""Kinds of entries and what they need besides a title, authors and a year."""


@pytest.fixture(scope="module")
def library() -> Library:
    return Library.load()


def names(section: str) -> set[str]:
    """The names that an experiment can use, as the section of the file has them."""
    known = Catalogues.load()
    return {
        "networks": {entry.path for entry in known.networks.values()},
        "regularizers": set(available()),
        "training_degradations": {
            type(spec).__name__.removesuffix("Spec") for spec in known.training_degradations.values()
        },
        "datasets": set(load_catalogue(CONFIGS / "datasets.yaml")),
        "degradations": {
            *(set(contracted(recipes())) - representative_sets().keys()),
            *(f"{name}_sweep" for name in SWEEPS),
            *("deg", "representatives", "real"),
        },
        "references": set(ReferenceName.__args__),
        "metrics": set(METRICS),
        "analyses": set(AnalysisName.__args__),
        "training": {"adam", "adamw", "cosine", "swa"},
    }[section]


@pytest.mark.parametrize(
    "section",
    [
        *("networks", "regularizers", "training", "training_degradations", "datasets", "degradations", "references"),
        *("metrics", "analyses"),
    ],
)
def test_every_name_is_cited_or_says_why_not_and_no_other_is(section: str, library: Library) -> None:
    cited = {name for part, name in library.cited if part == section}
    assert cited == names(section), f"configs/{KEYS}: {section}: say what to cite, or why nothing"


def test_variants_that_cite_more_are_variants(library: Library) -> None:
    assert {name for part, name in library.cited if part == "variants"} <= Catalogues.load().variant_names


def test_every_entry_is_used_and_says_who_what_where_and_when(library: Library) -> None:
    used = {key for cited in library.cited.values() if not isinstance(cited, str) for key in cited}
    assert used == set(library.entries)
    for entry in library.entries.values():
        assert {"title", "author", "year", FIELDS[entry.kind]} <= set(entry.fields), entry.key
        assert entry.key.removesuffix("x").isalnum(), entry.key
        assert ("eprint" in entry.fields) == ("archiveprefix" in entry.fields), entry.key
        assert "\\" not in entry.text(), entry.key
        assert "{" not in entry.text(), entry.key


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_no_experiment_of_the_harness_lacks_a_citation(path: Path) -> None:
    found = citations(load_experiment(path))
    assert not found.unknown
    entries = parse(found.bibtex(), path.stem)
    assert list(entries) == [entry.key for entry in found.entries]
    assert next(iter(entries)) == OWN_KEY


def test_only_what_is_used_is_cited() -> None:
    found = citations(load_experiment(CONFIGS / "experiments/demo.yaml"))
    told = found.reasons
    assert told["kong2022reflash"].startswith("regularizer dropout, degradation clean, blur, ")
    assert "training adam" in told["kingma2015adam"]
    assert not {"zhang2018lpips", "yoo2020rethinking", "bevilacqua2012set5", "lan1983discrete"} & set(told)
    assert "regularizer baseline (training without a regularizer)" in found.nothing


STAGED = """
extends: demo
seeds: {at_least: 2, at_most: 4, until: decided}
variants: [baseline, sam_adaptive, weight_decay, weight_averaging]
evaluation: {datasets: [Set5], degradations: [clean], metrics: [lpips], sweeps: [blur]}
analysis: null
external: {theirs: {weights: w.pth, network: swinir}}
"""


def test_variants_stages_sweeps_and_models_from_outside(tmp_path: Path) -> None:
    path = tmp_path / "more.yaml"
    path.write_text(STAGED)
    found = citations(load_experiment(path))
    assert found.reasons["kwon2021asam"] == "variant sam_adaptive"
    assert found.reasons["loshchilov2019adamw"] == "training adamw"
    assert found.reasons["izmailov2018swa"] == "training swa"
    assert found.reasons["lan1983discrete"] == "statistics seeds"
    assert found.reasons["liang2021swinir"] == "network swinir"
    assert any("degradation blur_sweep " in text for text in found.nothing)
    assert found.unknown == "model from outside theirs"
    assert "% No citation is recorded for model from outside theirs: add it" in found.bibtex()


def own_project(folder: Path, citation: str, bibliography: str) -> Path:
    """A project with a method of its own; returns its experiment."""
    (folder / "configs").mkdir()
    (folder / "configs" / KEYS).write_text(citation)
    if bibliography:
        (folder / "configs" / BIBLIOGRAPHY).write_text(bibliography)
    (folder / "own_method.py").write_text(
        "from harness.regularizers import Regularizer\n\n\nclass Mine(Regularizer):\n    roles = frozenset()\n"
    )
    (folder / "mine.yaml").write_text("extends: demo\nvariants: [baseline, mine]\nanalysis: null\n")
    (folder / "configs/regularizers.yaml").write_text('mine: {regularizer: "own_method:Mine"}\n')
    return folder / "mine.yaml"


MINE = "@misc{me2026, title = {Mine}, author = {Me, A.}, year = 2026}"
NAMED = "regularizers: {'own_method:Mine': [me2026, kong2022reflash]}"


def test_a_project_adds_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    found = citations(load_experiment(own_project(tmp_path, NAMED, MINE)))
    assert not found.unknown
    assert found.reasons["me2026"] == "regularizer own_method:Mine"
    assert "- A. Me. Mine. 2026.\n  For: regularizer own_method:Mine.\n" in found.text()


@pytest.mark.parametrize(
    ("citation", "bibliography", "answer"),
    [
        (
            "regularizers: {mine: [you2026]}",
            MINE,
            "configs/citations.yaml: regularizers.mine: 'you2026': no such entry in configs/references.bib; add it"
            " there, or correct the key",
        ),
        ("regularizers: {mine: [me2026]}", "", "configs/citations.yaml: regularizers.mine: 'me2026': no such entry"),
        ("regularizers: {mine: []}", MINE, "configs/citations.yaml: regularizers.mine: empty; name keys"),
        ("methods: {mine: [me2026]}", MINE, "configs/citations.yaml: methods: unknown key; allowed: analyses, "),
        ("regularizers: {dropout: [me2026]}", MINE, "configs/citations.yaml: 'regularizers.dropout': the harness has"),
        ("{}", MINE.replace("me2026", "kong2022reflash"), "configs/references.bib: 'kong2022reflash': the harness has"),
        ("{}", MINE[:-1], "configs/references.bib: line 1: me2026: its closing brace is missing"),
    ],
)
def test_a_mistake_in_a_projects_files_is_one_line(
    citation: str, bibliography: str, answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own_project(tmp_path, citation, bibliography)
    with pytest.raises(HarnessError) as error:
        Library.load()
    assert str(error.value).startswith(answer)
    assert "\n" not in str(error.value)


def test_the_example_of_a_project_lacks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    example = ROOT / "docs/examples/own-ideas"
    monkeypatch.chdir(example)
    monkeypatch.syspath_prepend(example)
    found = citations(load_experiment("configs/experiments/ideas.yaml"))
    assert not found.unknown
    assert found.reasons["shi2016espcn"] == "network espcn"
    assert found.reasons["bansal2018orthogonality"] == "regularizer ideas.regularizers:SoftOrthogonality"


def test_a_projects_file_may_repeat_the_harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a checkout that was copied: the same entries are no contradiction."""
    monkeypatch.chdir(tmp_path)
    own_project(tmp_path, (CONFIGS / KEYS).read_text(), (CONFIGS / BIBLIOGRAPHY).read_text())
    assert set(Library.load().entries) == set(load_bibliography(ROOT / "configs" / BIBLIOGRAPHY))
    assert load_model(CONFIGS / KEYS, CitationFile).external == {}
