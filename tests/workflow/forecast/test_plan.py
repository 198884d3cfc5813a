"""The plan: what is printed is what is there and what was measured; nothing is invented."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from harness.commands.app import app
from harness.datasets.benchmark import generate
from harness.datasets.patches import pack
from harness.experiment import Experiment, Run, load_experiment
from harness.experiment.analyses import Analyses
from harness.experiment.selection import Selection
from harness.foundation import layout, timings
from harness.foundation.provenance import cpu_name
from harness.networks.build import build_network
from harness.workflow.forecast import rates
from harness.workflow.forecast.count import counted_weight_bytes
from harness.workflow.forecast.disk import spaces, total_space
from harness.workflow.forecast.jobs import Jobs, dry_run, parse
from harness.workflow.forecast.measure import measure
from harness.workflow.forecast.plan import plan
from tests.conftest import ROOT

DEMO = ROOT / "configs" / "experiments" / "demo.yaml"
PAPER = ROOT / "configs" / "experiments" / "paper.yaml"
NOTHING = rates.Measured({}, {})
HERE = {"cpu": cpu_name(), "cores": os.cpu_count(), "device": "cpu"}


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    monkeypatch.chdir(tmp_path)
    return load_experiment(DEMO)


def finish(run: Run, speed: float, hardware: dict[str, Any] = HERE) -> None:
    """Leave the outputs of a run that trained with ``speed`` images a second."""
    folder = layout.run(run.name)
    folder.mkdir(parents=True)
    (folder / "weights.safetensors").write_bytes(bytes(1000))
    record = {"spec": run.spec.model_dump(mode="json"), "hardware": hardware, "images_per_second": speed, "seconds": 1}
    (folder / "run.json").write_text(json.dumps(record))


def text(experiment: Experiment, jobs: Jobs | None = None) -> str:
    return "\n".join(plan(experiment, jobs or Jobs({}, frozenset()), rates.measured(), {}))


def test_nothing_is_known_at_first(demo: Experiment) -> None:
    shown = text(demo)
    assert "10: networks 1, variants 5, seeds 2; 0 finished, 0 started, 10 not started" in shown
    assert shown.count("unknown: no run of srresnet_tiny with") == 5
    assert f"together unknown (10 runs)\n{'':<11} measure what is unknown with" in shown
    assert "images/s" not in shown


@pytest.mark.parametrize(
    ("flags", "precision", "network", "said"),
    [
        ("fpu avx2", "bf16", "srresnet_tiny", "AVX2, no bf16 instructions: computed in fp32, channels_last"),
        ("fpu avx2", "bf16", "srresnet", "AVX2, no bf16 instructions: computed in fp32, contiguous"),
        ("avx2 avx512f avx512_bf16 amx_bf16", "bf16", "srresnet", "AMX: bf16, channels_last, 1 thread(s) a run"),
        ("avx2 avx512f avx512_bf16 amx_bf16", "fp32", "srresnet", "AMX: fp32, channels_last, 1 thread(s) a run"),
        ("avx2 avx512f avx512_bf16", "fp32", "srresnet", "AVX-512 BF16: fp32, channels_last, 1 thread(s) a run"),
        ("avx2 avx512f", "fp32", "srresnet_tiny", "AVX-512: fp32, channels_last, 1 thread(s) a run"),
    ],
)
def test_what_this_cpu_makes_of_the_precision(
    demo: Experiment, monkeypatch: pytest.MonkeyPatch, flags: str, precision: str, network: str, said: str
) -> None:
    text_of = Path("mine.yaml")
    changed = DEMO.read_text().replace("training:", f"training:\n  precision: {precision}", 1)
    text_of.write_text(changed.replace("networks: [srresnet_tiny]", f"networks: [{network}]"))
    read = Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda self, *a, **k: flags if "cpuinfo" in str(self) else read(self, *a, **k)
    )
    assert f"this CPU: {said}" in text(load_experiment(text_of))


def test_rates_are_those_of_finished_runs_on_this_hardware(demo: Experiment) -> None:
    first, second, other, *_ = demo.runs
    assert first.variant == second.variant != other.variant
    finish(first, 100.0)
    finish(other, 50.0, {**HERE, "cpu": "another processor"})
    shown = text(demo)
    hours = first.spec.training.iterations * 6 / 100 / 3600
    each = f"{hours:.2g} CPU-hours at 100.0 images/s (mean of 1 runs here)"
    assert f"1 runs, 1,200 iterations x 6 images: {each}" in shown
    assert "no run of srresnet_tiny with dropout on this hardware yet" in shown
    assert f"together {hours:.2g} CPU-hours, and 7 runs of unknown length" in shown
    finish(second, 50.0)
    assert rates.measured().rates[rates.work_of(first.spec)] == rates.Rate(75.0, 2)


def test_a_gpu_record_counts_on_that_gpu_only(demo: Experiment) -> None:
    finish(demo.runs[0], 100.0, {**HERE, "device": "cuda", "gpu": "a GPU that is not here"})
    assert rates.measured().rates == {}
    assert len(rates.measured().weight_bytes) == 1


def test_the_same_work_is_what_takes_the_same_time(demo: Experiment) -> None:
    spec = demo.runs[0].spec
    longer = spec.model_copy(update={"seed": 5, "training": spec.training.model_copy(update={"iterations": 9})})
    assert rates.work_of(longer) == rates.work_of(spec)
    for change in ({"batch_size": 24}, {"precision": "bf16"}, {"device": "cuda"}, {"threads": 2}, {"patch": 32}):
        changed = spec.model_copy(update={"training": spec.training.model_copy(update=change)})
        assert rates.work_of(changed) != rates.work_of(spec), change
    assert len({rates.work_of(run.spec) for run in demo.runs}) == 5


def test_broken_records_are_named_and_harm_nothing(demo: Experiment) -> None:
    finish(demo.runs[0], 100.0)
    for run, content in zip(demo.runs[1:4], ("{", "[]", '{"spec": {}}'), strict=True):
        layout.run(run.name).mkdir(parents=True)
        (layout.run(run.name) / "run.json").write_text(content)
    finish(demo.runs[4], -100.0)
    finish(demo.runs[5], float("inf"))
    found = rates.measured()
    assert len(found.unreadable) == 5
    assert len(found.rates) == 1
    assert all("run.json: " in line and "run `python -m harness train" in line for line in found.unreadable)
    assert "images_per_second: -100.0: input should be greater than 0" in "\n".join(found.unreadable)
    assert "warning" in text(demo)


def test_started_runs_go_on_and_changed_ones_start_again(demo: Experiment) -> None:
    finish(demo.runs[0], 100.0)
    started = demo.runs[1]
    layout.state(started.spec.hash).mkdir(parents=True)
    for iteration in (100, 200):
        layout.generation(layout.state(started.spec.hash), iteration).touch()
    (layout.state(started.spec.hash) / "iteration-x.state").touch()
    shown = text(demo)
    assert "1 finished, 1 started, 8 not started" in shown
    assert f"{started.name} goes on from iteration 200 of 1,200" in shown
    assert "1 runs, 1,000 iterations x 6 images" in shown
    again = text(demo, Jobs({"train_baseline": 1}, frozenset({demo.runs[0].name})))
    assert "1 finished ones are trained again, because code or data changed" in again
    assert "2 runs, 2,200 iterations x 6 images" in again


def test_measuring_trains_real_steps_of_each_kind(demo: Experiment) -> None:
    found = measure(demo.runs[:4], seconds=0.05)
    assert set(found) == {rates.work_of(run.spec) for run in demo.runs[:4]}
    assert all(0 < rate.images_per_second < 1e6 for rate in found.values())
    lines = plan(demo, Jobs({}, frozenset()), NOTHING, found)
    assert sum("(measured now)" in line for line in lines) == 2
    assert not layout.RESULTS.exists(), "nothing is saved"


def test_jobs_are_snakemakes(demo: Experiment) -> None:
    jobs = dry_run(DEMO)
    assert not jobs.problem
    assert jobs.counts["train_simple_align"] == 4
    assert jobs.counts["evaluate_run"] == 10
    assert jobs.trained == {run.name for run in demo.runs}
    assert "40: benchmark 1, pack 2, evaluate_reference 2" in text(demo, jobs)


def test_what_snakemake_cannot_tell_is_unknown(demo: Experiment) -> None:
    assert parse("Nothing to be done (all requested files are present and up to date).") == Jobs({}, frozenset())
    assert "none: everything is done" in text(demo, Jobs({}, frozenset()))
    failed = dry_run(Path("nothing.yaml"))
    assert "nothing.yaml" in failed.problem
    assert not failed.counts
    assert f"unknown: {failed.problem}" in text(demo, failed)


def test_downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path))
    shown = text(load_experiment(PAPER))
    assert "DIV2K_train: 800 images, 3.53 GB\n" in shown
    assert "Set5: 5 images, at most 1." in shown
    assert "RealSR_v3: 100 images, size unknown" in shown
    assert "none for Manga109: no folder" in shown
    assert "niqe_modelparameters.mat, size unknown" in shown
    assert shown.count("python -m harness fetch ") == 1
    fetched = "DIV2K_train DIV2K_valid Set5 Set14 B100 Urban100 RealSR_v3 RealSRSet"
    assert f"    python -m harness fetch {fetched}; python -m harness fetch-weights niqe\n" in shown
    assert "`--without Manga109`" in shown
    assert "training images: unknown for DIV2K_train, DIV2K_valid" in shown


def test_evaluation_takes_as_long_as_it_took(demo: Experiment) -> None:
    assert "how long one takes is known once the first is done" in text(demo)
    first = demo.runs[0]
    layout.metrics(first.name, demo.evaluation.hash).parent.mkdir(parents=True)
    layout.metrics(first.name, demo.evaluation.hash).touch()
    timings.note(first.name, demo.evaluation.hash, 720.0, 10)
    todo = len(demo.metric_files) - 1
    assert f"{todo} left: {todo / 5:.2g} hours one after the other" in text(demo)


def test_weights_are_counted_before_anything_trained(demo: Experiment) -> None:
    counted = counted_weight_bytes(demo.runs)
    known = rates.Measured({}, counted)
    network = build_network(demo.runs[0].spec.network, 0)
    size = sum(4 * parameter.numel() for parameter in network.parameters())
    assert list(counted.values()) == [size]
    assert spaces(demo, demo.runs, known)[3].size == 10 * 9 * size


def test_disk_is_what_will_be_written(demo: Experiment) -> None:
    known = rates.Measured({}, {rates.network_of(demo.runs[0].spec): 1000})
    benchmarks, packs, shared, runs, rows = spaces(demo, demo.runs, known)
    assert (rows.size, rows.unknown) == (0, ("metrics", "analyses"))
    assert runs.size == 10 * 9 * 1000
    # Two seeds, one view of six ground truths for three arms and two views of three for two: 16 x 16 x 3 bytes each.
    assert shared.size == 2 * (6 + 3) * 1200 * 16 * 16 * 3
    part = demo.evaluation.sets[0]
    generate(part.dataset, part.degradations, layout.benchmarks(4), demo.data_root, 1, 4)
    written = sum(path.stat().st_size for path in layout.BENCHMARKS.rglob("*.png"))
    assert benchmarks.size <= written <= 1.03 * benchmarks.size, "beside the pixels only headers"
    for name in (demo.training.data, demo.training.heldout):
        pack(name, demo.data_root, layout.pack(name), jobs=1)
    assert packs.size == sum(path.stat().st_size for path in layout.RESULTS.rglob("pixels.bin"))
    assert total_space(demo) == shared.size
    assert spaces(demo, demo.runs, NOTHING)[3].unknown == ("srresnet_tiny",)
    assert spaces(demo, demo.runs[:1], NOTHING)[2].size == 0, "a single arm shares nothing"
    Path("keeps.yaml").write_text("extends: demo\nkeep_every: 500\nkeep_raw: true\n")
    keeps = load_experiment("keeps.yaml")
    assert spaces(keeps, keeps.runs, known)[4].size == 10 * 2 * 2 * 1000
    assert [run.name for run in keeps.runs] == [run.name for run in demo.runs]


def test_weights_on_the_way_that_will_be_measured_are_counted(demo: Experiment) -> None:
    assert "selection" not in text(demo)
    Path("chooses.yaml").write_text("extends: demo\nkeep_every: 400\nselection: {column: blur}\n")
    chooses = load_experiment("chooses.yaml")
    what = "20 checkpoints kept on the way, 4 images each (psnr_rgb); 20 left"
    assert f"selection on embedded_test: {what}" in text(chooses)
    first = Selection(chooses).all[0].rows
    first.parent.mkdir(parents=True)
    first.touch()
    assert "(psnr_rgb); 19 left" in text(chooses)


def test_analyses_and_sweeps_are_counted(demo: Experiment) -> None:
    shown = text(demo)
    assert "analysis    10 checkpoints, 32 images each (saliency, clusters, similarity, shift, picture)\n" in shown
    assert "10 checkpoints and 2 references, 32 images each (psnr_rgb" in shown
    analyses = Analyses(demo)
    first = analyses.all[0]
    first.rows.parent.mkdir(parents=True)
    first.rows.write_bytes(bytes(1000))
    timings.note(first.run.name, analyses.hash, 720.0, 233)
    assert f"9 left: {9 / 5:.2g} hours one after the other" in text(demo)
    (rows,) = [space for space in spaces(demo, [], NOTHING) if "analyses" in space.what]
    assert (rows.size, rows.unknown) == (9000, ("metrics",))
    Path("sweeps.yaml").write_text(
        "extends: demo\nkeep_every: 600\nanalysis: {images: 2, over_time: true}\n"
        "evaluation: {degradations: [clean, blur], metrics: [psnr_rgb], sweeps: [blur, jpeg]}\n"
    )
    shown = text(load_experiment("sweeps.yaml"))
    assert "84 images each, 76 of them of sweeps (psnr_rgb)" in shown
    assert "analysis    20 checkpoints, 4 images each (" in shown
    counts = "10 runs, 1 datasets, 2 sweeps, 20 analyses\n"
    assert CliRunner().invoke(app, ["check", "sweeps.yaml"], catch_exceptions=False).output == f"sweeps.yaml: {counts}"


def test_what_trains_without_the_graph_of_the_baseline_is_named(
    demo: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.regularizers.simple_align import SimpleAlign

    on_cuda = Path("mine.yaml")
    on_cuda.write_text(re.sub(r"device: cpu", "device: cuda", DEMO.read_text()))
    assert "slower for that alone" not in text(load_experiment(on_cuda))
    monkeypatch.setattr(SimpleAlign, "graph_safe", False)
    said = [line.strip() for line in text(load_experiment(on_cuda)).splitlines() if "slower for that alone" in line]
    assert said == [
        f"srresnet_tiny {name}: without the CUDA graph that the baseline gets: slower for that alone"
        for name in ("two_views", "simple_align")
    ]
