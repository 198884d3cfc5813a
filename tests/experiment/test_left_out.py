"""Data sets that are left out: the experiment is the one whose file does not list them, and the report says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.commands.app import app
from harness.experiment import load_experiment
from harness.experiment.left_out import WITHOUT
from harness.foundation.errors import HarnessError
from harness.foundation.project import ROOT
from harness.reporting.page.protocol import protocol
from harness.reporting.rows.compared import study_of
from harness.reporting.rows.run_records import Records
from harness.workflow.snakefile import Plan, experiment_file

PAPER = ROOT / "configs/experiments/paper.yaml"


@pytest.fixture(autouse=True)
def _put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WITHOUT, "")


def test_it_is_the_experiment_that_does_not_list_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = PAPER.read_text().replace(", Manga109", "").replace("real_paired: [RealSR_v3]", "real_paired: []")
    (tmp_path / "paper.yaml").write_text(written)
    monkeypatch.setenv(WITHOUT, "Manga109, RealSR_v3")
    left_out = load_experiment(PAPER)
    monkeypatch.setenv(WITHOUT, "")
    same = load_experiment(tmp_path / "paper.yaml")
    assert left_out.evaluation.hash == same.evaluation.hash != load_experiment(PAPER).evaluation.hash
    assert [run.name for run in left_out.runs] == [run.name for run in load_experiment(PAPER).runs]
    facts = {fact.name: fact.text for fact in protocol(study_of(left_out), Records({}, {}, {}))}
    assert facts["left out"] == "Manga109, RealSR_v3: by --without, which belongs to every command here"
    assert "left out" not in {fact.name for fact in protocol(study_of(same), Records({}, {}, {}))}


def test_a_name_that_is_not_evaluated_is_told_and_nothing_is_too_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WITHOUT, "Manga10")
    with pytest.raises(
        HarnessError,
        match=r"paper\.yaml: --without Manga10 \(or HARNESS_WITHOUT\): not evaluated here; there are: Set5",
    ):
        load_experiment(PAPER)
    monkeypatch.setenv(WITHOUT, "embedded_test")
    with pytest.raises(HarnessError, match=r"nothing would be left of evaluation\.datasets"):
        load_experiment(ROOT / "configs/experiments/demo.yaml")


def test_the_flag_and_snakemakes_value_do_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path))
    runner = CliRunner()
    with pytest.raises(HarnessError) as told:
        runner.invoke(app, ["check", "paper"], catch_exceptions=False)
    *_, command, advice, more = str(told.value).splitlines()
    fetched = "DIV2K_train DIV2K_valid Set5 Set14 B100 Urban100 RealSR_v3 RealSRSet"
    assert command == f"    python -m harness fetch {fetched}; python -m harness fetch-weights niqe"
    assert "`--without Manga109`" in advice
    assert "`--config without=Manga109`" in more
    with pytest.raises(HarnessError) as told:
        runner.invoke(app, ["check", "paper", "--without", "Manga109", "--without", "Set5"], catch_exceptions=False)
    assert "Manga109" not in str(told.value)
    assert "Set5" not in str(told.value)

    assert experiment_file([PAPER], {"without": "Set14,B100"}).endswith("paper.yaml")
    assert load_experiment(PAPER).left_out == ("Set14", "B100")
    assert "export HARNESS_WITHOUT=Set14,B100; " in Plan(PAPER).shell_prefix
    with pytest.raises(HarnessError, match=r"--config: seeds=\['0'\]: .*`extends: paper`"):
        experiment_file([PAPER], {"seeds": ["0"]})
