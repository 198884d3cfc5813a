"""A bundle carries an experiment to a place where nothing was trained; a forged one writes nothing there."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from typer.testing import CliRunner

from harness.commands.app import app
from harness.evaluation.evaluate import write_metrics
from harness.experiment import Experiment, Run, load_experiment
from harness.experiment.analyses import Analyses
from harness.experiment.stages import Stage, stage_file, write_stage
from harness.foundation import layout
from harness.foundation.bibtex import parse
from harness.foundation.errors import HarnessError
from harness.foundation.files import atomic_path
from harness.foundation.sums import seal_json, seal_text
from harness.networks.weights import save_weights
from harness.workflow.sharing import bundle as bundling
from harness.workflow.sharing.unbundle import unbundle

IMAGES = ("a", "b", "c")
SMALL = """
extends: demo
variants: [baseline, dropout]
evaluation: {degradations: [clean, blur], metrics: [psnr_rgb]}
analysis: {analyses: [similarity]}
"""
HISTORY = "iteration,loss,l1,penalty,learning_rate,heldout_l1\n0,,,,,0.2\n1200,0.1,0.1,0.0,0.002,0.1\n"


def write_results(experiment: Path) -> None:
    """Rows, records, histories and weights of a small experiment, as if it had been trained."""
    loaded = load_experiment(experiment)
    write_rows(loaded)
    write_runs(loaded.runs)
    write_analyses(loaded)


def write_rows(loaded: Experiment) -> None:
    labels = {layout.metrics(run.name, loaded.evaluation.hash): run for run in loaded.runs}
    for number, (path, variant) in enumerate(loaded.labelled_metrics):
        run = labels.get(path)
        base = {"variant": variant, "dataset": "embedded_test", "metric": "psnr_rgb", "status": "ok"}
        base |= {"network": run.network if run else "srresnet_tiny" if variant == "untrained" else ""}
        base |= {"regularizer": run.spec.regularizer.regularizer if run else "reference"}
        base |= {"seed": run.spec.seed if run else None}
        rows = [
            base | {"degradation": degradation, "image": image, "value": 20.0 + number + place / 8}
            for degradation in ("clean", "blur")
            for place, image in enumerate(IMAGES)
        ]
        write_metrics(pd.DataFrame(rows).astype({"seed": "Int64"}), path, sealed=True)


def write_runs(runs: Iterable[Run]) -> None:
    for run in runs:
        folder = layout.run(run.name)
        record = {"spec": run.spec.model_dump(mode="json"), "spec_hash": run.spec.hash, "seconds": 9.0}
        record |= {"images_per_second": 5.0, "hardware": {"device": "cpu", "cpu": "x"}, "versions": {"python": "3.11"}}
        record |= {"git_commit": "0" * 40, "peak_memory_bytes": 10, "data_sha256": "0" * 64, "energy_joules": None}
        seal_json(folder / "run.json", record | {"heldout_l1_initial": 0.2, "heldout_l1_final": 0.1})
        seal_text(folder / "history.csv", HISTORY)
        weights = {"w": torch.ones(2)}
        save_weights(folder / "weights.safetensors", weights, {"spec_hash": run.spec.hash}, sealed=True)


def write_analyses(loaded: Experiment) -> None:
    for number, one in enumerate(Analyses(loaded).all):
        cells = "".join(
            f"similarity,similarity,blur,last,3,{image},,0.{number}{i},,\n" for i, image in enumerate("abc")
        )
        seal_text(one.rows, f"analysis,measure,degradation,layer,depth,image,channel,value,low,high\n{cells}")


def call(*words: str) -> str:
    answer = CliRunner().invoke(app, words, catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer.output


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A bundle with weights, and its signature."""
    folder = tmp_path_factory.mktemp("authors")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("small.yaml").write_text(SMALL)
        write_results(Path("small.yaml"))
        call("aggregate", "small.yaml")
        call("tables", "small.yaml")
        told = call("publish", "small.yaml", "--weights", "--out", "small.zip")
        again = call("publish", "small.yaml", "--weights", "--out", "again.zip")
        assert told.split()[-1] == again.split()[-1]
        assert Path("small.zip").read_bytes() == Path("again.zip").read_bytes()
    return folder / "small.zip", told.split()[-1]


def test_an_experiment_arrives_where_nothing_was_trained(
    bundle: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file, signature = bundle
    told = call("import", str(file), "--signature", signature)
    assert "24 files imported" in told
    assert signature in told
    table = tmp_path / "reports/small/tables/main.md"
    call("tables", "results/small/small.yaml")
    assert table.read_text() == (file.parent / "reports/small/tables/main.md").read_text()
    call("analysis", "results/small/small.yaml")
    page = Path(call("report", "results/small/small.yaml").strip()).read_text()
    assert "embedded_test" in page
    assert "What the networks have learned" in page
    index = (tmp_path / "reports/index.html").read_text()
    assert "href='small/report.html'" in index
    mean = pd.read_csv(table.with_name("summary.csv")).set_index(["column", "method"])["mean"]["average", "baseline"]
    assert f"baseline {mean:.2f}" in index
    assert "0 files imported, 24 were there" in call("import", str(file))
    changed = next(Path("results/runs").glob("*/history.csv"))
    changed.write_text("mine")
    with pytest.raises(HarnessError, match="differs"):
        unbundle(file, Path("results"))
    assert changed.read_text() == "mine"


def test_the_manifest_tells_what_was_bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process puts a new history into place once the bundle is begun: what is bundled can be imported."""

    def begun(out: Path) -> AbstractContextManager[Path]:
        seal_text(next(Path("results/runs").glob("*/history.csv")), f"{HISTORY}\n")
        return atomic_path(out)

    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SMALL)
    write_results(Path("small.yaml"))
    call("aggregate", "small.yaml")
    monkeypatch.setattr(bundling, "atomic_path", begun)
    call("publish", "small.yaml", "--out", "small.zip")
    assert unbundle(Path("small.zip"), Path("elsewhere/results")).written


def test_the_card_has_one_result_per_cell_and_names_controls(bundle: tuple[Path, str]) -> None:
    with zipfile.ZipFile(bundle[0]) as archive:
        text = archive.read("README.md").decode()
    models = {model["name"]: model["results"] for model in yaml.safe_load(text.split("---\n")[1])["model-index"]}
    assert set(models) == {
        "control: bicubic",
        "srresnet_tiny.control: untrained",
        "srresnet_tiny.baseline",
        "srresnet_tiny.dropout",
    }
    first, second = models["srresnet_tiny.baseline"]
    assert (first["dataset"]["config"], second["dataset"]["config"]) == ("clean", "blur")
    # Methods number 2 and 3 are the two seeds of the baseline: 20 + (2 + 3) / 2 + the mean of 0, 1/8 and 2/8.
    assert first["metrics"] == [{"type": "psnr_rgb", "name": "psnr_rgb, 2 seed(s)", "value": 22.625}]


def test_the_card_says_what_to_cite(bundle: tuple[Path, str]) -> None:
    with zipfile.ZipFile(bundle[0]) as archive:
        text = archive.read("README.md").decode()
    cited = parse(text.split("```bibtex\n")[1].split("```")[0], "card")
    assert {"kong2022reflash", "wang2021realesrgan", "ledig2017srgan"} <= set(cited)


def publish_and_arrive(file: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Publish an experiment, import it in an empty folder and go there; returns the authors' folder."""
    authors = Path.cwd()
    call("publish", file, "--out", "all.zip")
    monkeypatch.chdir(folder)
    call("import", str(authors / "all.zip"))
    return authors


def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> Path:
    """Go to a folder with an experiment; returns another, empty one."""
    for name in ("authors", "readers"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "authors")
    Path("small.yaml").write_text(content)
    return tmp_path / "readers"


def test_an_experiment_that_tunes_arrives_with_its_trials_and_its_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers = places(tmp_path, monkeypatch, SMALL + "tuning: {trials: 2, iterations: 0.5, on: heldout}\n")
    write_results(Path("small.yaml"))
    call("aggregate", "small.yaml")
    with pytest.raises(HarnessError, match=r"chosen.json: nothing is chosen yet; run `python -m harness choose"):
        CliRunner().invoke(app, ["publish", "small.yaml", "--out", "x.zip"], catch_exceptions=False)
    tuning = load_experiment("small.yaml").tuning
    assert tuning is not None
    write_runs(trial.run for trial in tuning.trials)
    call("choose", "small.yaml")
    chosen = tuning.chosen()
    assert chosen is not None
    evaluation = load_experiment("small.yaml").evaluation.hash
    final = tuning.final_runs(chosen)
    write_runs(final)
    for run in final:
        base = {"variant": run.variant, "dataset": "embedded_test", "metric": "psnr_rgb", "status": "ok"}
        base |= {"network": run.network, "regularizer": run.spec.regularizer.regularizer, "seed": run.spec.seed}
        rows = [
            base | {"degradation": degradation, "image": image, "value": 22.0 + place}
            for degradation in ("clean", "blur")
            for place, image in enumerate(IMAGES)
        ]
        write_metrics(pd.DataFrame(rows).astype({"seed": "Int64"}), layout.metrics(run.name, evaluation), sealed=True)
    call("tuning", "small.yaml")
    authors = publish_and_arrive("small.yaml", monkeypatch, readers)
    arrived = load_experiment("results/small/small.yaml").tuning
    assert arrived is not None
    assert arrived.chosen() == chosen
    for name in ("chosen.json", "metrics.parquet"):
        place = Path("results/small/tuning") / name
        assert place.read_bytes() == (authors / place).read_bytes()
    call("tuning", "results/small/small.yaml")
    tables = sorted(path.relative_to(authors) for path in authors.glob("reports/small/tuning/*.md"))
    assert tables
    for table in tables:
        assert table.read_text() == (authors / table).read_text()


def test_an_experiment_that_adds_seeds_arrives_at_its_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readers = places(tmp_path, monkeypatch, SMALL + "seeds: {at_least: 2, at_most: 3, by: 1, until: decided}\n")
    write_results(Path("small.yaml"))
    call("aggregate", "small.yaml")
    write_stage("small", Stage(load_experiment("small.yaml").stage.entry, 1))  # type: ignore[union-attr]
    write_results(Path("small.yaml"))
    call("aggregate", "small.yaml")
    authors = publish_and_arrive("small.yaml", monkeypatch, readers)
    assert stage_file("small").read_bytes() == (authors / stage_file("small")).read_bytes()
    assert load_experiment("results/small/small.yaml").file.seeds == (0, 1, 2)
    stage_file("small").unlink()
    call("aggregate", "results/small/small.yaml")
    (authors / stage_file("small")).unlink()
    monkeypatch.chdir(authors)
    with pytest.raises(HarnessError, match=r"seeds.json: missing; run `python -m harness aggregate EXPERIMENT`"):
        CliRunner().invoke(app, ["publish", "small.yaml", "--out", "x.zip"], catch_exceptions=False)


Members = dict[str, bytes]


def forge(source: Path, target: Path, change: Callable[[Members], None], sign: bool = True) -> None:
    """Write a bundle anew with other members; ``sign``: with a manifest that fits them."""
    with zipfile.ZipFile(source) as archive:
        members = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    listed = json.loads(members.pop("MANIFEST.json"))
    change(members)
    if sign:
        listed["members"] = {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            for name, content in members.items()
        }
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("MANIFEST.json", json.dumps(listed))
        for name, content in members.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o120777 if content == b"/etc/passwd" else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)


def adds(name: str, content: bytes = b"x") -> Callable[[Members], None]:
    return lambda members: members.update({name: content})


def alters(end: str, change: Callable[[bytes], bytes]) -> Callable[[Members], None]:
    def alter(members: Members) -> None:
        name = next(name for name in members if name.endswith(end))
        members[name] = change(members[name])

    return alter


FORGED = {
    "outside": (adds("results/../../evil"), True, "has no such file"),
    "absolute": (adds("/evil"), True, "has no such file"),
    "hidden": (adds("results/runs/.x/run.json"), True, "has no such file"),
    "pickle": (adds("results/runs/x/weights.pt"), True, "has no such file"),
    "link": (adds("tables/main.csv", b"/etc/passwd"), True, "is a link"),
    "not listed": (adds("tables/more.csv"), False, "not listed"),
    "missing": (lambda members: members.pop("README.md") and None, False, "is listed but missing"),
    "size": (alters("history.csv", lambda content: content + b"0"), False, "another size"),
    "bytes": (alters("history.csv", lambda content: content.replace(b"0.1", b"0.2")), False, "not the bytes"),
    "bomb": (adds("tables/main.csv", bytes(40_000_000)), True, "would grow to"),
    "stray analysis": (adds("results/analysis/x/abcdef01.000000001.csv"), True, "no run.json of its run"),
    "no analysis": (adds("results/analysis/x/abcdef01.1.csv"), True, "has no such file"),
    "settings": (alters("run.json", lambda content: content.replace(b'"seed": 0', b'"seed": 7')), True, "the hash"),
    "no record": (alters("run.json", lambda content: b"{}"), True, "not a record of a run"),
}


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_bundle_writes_nothing(kind: str, bundle: tuple[Path, str], tmp_path: Path) -> None:
    change, sign, problem = FORGED[kind]
    forge(bundle[0], tmp_path / "forged.zip", change, sign)
    with pytest.raises(HarnessError, match=problem):
        unbundle(tmp_path / "forged.zip", tmp_path / "results")
    assert [path.name for path in tmp_path.iterdir()] == ["forged.zip"]


def test_other_files_and_other_signatures_are_refused(bundle: tuple[Path, str], tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="these are other results"):
        unbundle(bundle[0], tmp_path, "0" * 64)
    for content, problem in ((b"no zip", "not a whole zip file"), (bundle[0].read_bytes()[:-99], "not a whole zip")):
        (tmp_path / "x.zip").write_bytes(content)
        with pytest.raises(HarnessError, match=problem):
            unbundle(tmp_path / "x.zip", tmp_path)
    with pytest.raises(HarnessError, match="cannot be read"):
        unbundle(tmp_path / "none.zip", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]


def test_what_is_missing_or_cannot_be_bundled_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SMALL)
    for out, problem in (("x.zip", "missing, and .* more; run `"), ("x.tar", "write x.zip")):
        with pytest.raises(HarnessError, match=problem):
            CliRunner().invoke(app, ["publish", "small.yaml", "--out", out], catch_exceptions=False)
    assert not Path("x.zip").exists()
