"""One rule for names: what can be one, and what tables and folders keep for themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.evaluation.metrics import METRICS
from harness.experiment.ablations import ablation_names
from harness.experiment.catalogues import Catalogues
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.names import RESERVED, check_distinct, image_name_problem, leaves_folder, name_problem
from harness.foundation.yamlfile import named_entries, parse_yaml
from harness.reporting.files import tables_below
from tests.conftest import ROOT
from tests.reporting.synthetic import study

HOSTILE = ("y$(touch PWNED)", "../../esc", "a b", "a;b", "-rf", "{x}", "x/y", "", ".", "a\nb", "a\n", "é", "a.b", "_a")


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_means_anything_to_a_shell_a_path_or_a_pattern(name: str) -> None:
    assert name_problem(name, "data set") == "use letters, digits, _ and - only, with a letter or digit first"


def test_names_have_a_length() -> None:
    assert name_problem("x" * 64, "data set") is None
    assert name_problem("x" * 65, "data set") == "a data set's name of 65 characters; use 64 or fewer"


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in RESERVED.items() for name in names])
def test_reserved_names_are_refused_in_any_case(kind: str, name: str) -> None:
    for text in (name, name.upper()):
        assert "another meaning" in str(name_problem(text, kind))
    assert name_problem(f"{name}1", kind) is None


def test_every_folder_and_table_of_ours_is_reserved() -> None:
    folders = {
        Path(getattr(layout, name)) for name in ("BENCHMARKS", "TRAINING_DATA", "RUNS", "STATE", "METRICS", "ANALYSIS")
    }
    assert {path.name for path in folders} <= set(RESERVED["experiment"])
    rules = "".join(path.read_text() for path in sorted(ROOT.glob("workflow/rules/*.smk")))
    logs = set(re.findall(r'"results/logs/(\w+)/', rules))
    assert (
        logs
        == {"pack", "benchmark", "photographs", "train", "evaluate", "analyse", "selection"}
        <= set(RESERVED["experiment"])
    )
    tables = {path.stem.casefold() for path in tables_below(study(), Path())} - set(study().metrics)
    assert tables <= set(RESERVED["metric"])


def test_the_names_of_the_harness_keep_the_rule() -> None:
    known = Catalogues.load()
    for kind, names in (
        ("network", known.networks),
        ("variant", known.variants),
        ("data set", known.datasets),
        ("degradation", known.degradations),
        ("training degradation", known.training_degradations),
        ("metric", METRICS),
        ("study", ablation_names()),
    ):
        assert [name for name in names if name_problem(name, kind)] == []
        check_distinct(names, kind, "here")


def test_variants_leave_the_mark_of_options_alone() -> None:
    assert "between a regularizer and its options" in str(name_problem("dropout--rate_0p5", "variant"))
    assert name_problem("a--b", "data set") is None


def test_names_that_differ_in_case_are_one_folder_somewhere() -> None:
    with pytest.raises(HarnessError, match=r"x\.yaml: 'set5': differs from the data set 'Set5' in case only"):
        named_entries({"Set5": 1, "set5": 2}, "data set", "x.yaml")


@pytest.mark.parametrize("text", ["no: {}", "~: {}", "null: {}", "On: {}"])
def test_names_that_yaml_takes_for_something_else(text: str) -> None:
    with pytest.raises(HarnessError, match="YAML reads this key as .*, not as text; write it in quotes"):
        parse_yaml(text, "x.yaml")


def test_a_number_and_its_text_are_one_name() -> None:
    with pytest.raises(HarnessError, match="key '7' is given twice"):
        parse_yaml("7: {}\n'7': {}", "x.yaml")
    assert named_entries({7: 1}, "data set", "x.yaml") == {"7": 1}


PEOPLES = (
    *("Screenshot 3.04.05\u202fPM", "a\u00a0b", "全角\u3000空白", "\u200dx", "\U0001f469\u200d\U0001f467"),
    *("..dots", " a ", "a;b$(c)", "#1"),
)


@pytest.mark.parametrize("name", PEOPLES)
def test_image_names_are_what_people_call_their_images(name: str) -> None:
    assert image_name_problem(name) is None


@pytest.mark.parametrize("end", ["\t", "\n", "\r", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029"])
def test_image_names_hold_no_end_of_a_line_or_cell(end: str) -> None:
    assert image_name_problem(f"a{end}b") == "holds a tab or a line end"
    assert end == "\t" or len(f"a{end}b".splitlines()) == 2


def test_other_names_that_no_table_holds() -> None:
    assert image_name_problem("caf\udce9") == "is not UTF-8"
    assert image_name_problem("a\x1bb") == "holds a control character"
    assert image_name_problem("../esc") == image_name_problem("..") == "is no name of a file"


def test_paths_that_leave_their_folder() -> None:
    assert [path for path in ("a/b", "a..b", "../a", "a/../../b", "/a") if leaves_folder(path)] == [
        *("../a", "a/../../b", "/a")
    ]
