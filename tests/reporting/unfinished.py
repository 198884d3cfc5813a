"""An experiment that stopped in the middle, written as the stages before reporting would have left it.

Called as a module (``python -m tests.reporting.unfinished EXPERIMENT``) it runs the four commands of reporting in its
working directory.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from harness.datasets.manifests import MANIFEST, Row, write_manifest
from harness.experiment import Experiment, load_experiment
from harness.foundation import layout
from harness.foundation.files import write_text
from harness.foundation.images import write_png
from harness.foundation.rng import numpy_stream
from harness.reporting.rows.compared import Study, study_of
from tests.reporting import synthetic

NAME = "unfinished"
IMAGES = {"Set5": 5, "Set14": 14}
NEVER, LONGER = "simple_align", "baseline_x150"
"""The variant of which one run was never evaluated, and the longer baseline."""

TEXT = """
description: Stopped in the middle.
scale: 4
networks: [srresnet_tiny]
variants: [baseline, baseline_x150, dropout, two_views, simple_align, adaptive_dropout]
seeds: [0, 1]
training: {data: embedded_train, heldout: embedded_heldout, degradation: second_order, iterations: 1000,
  batch_size: 4, crop: 96, patch: 32, learning_rate: 0.001, device: cpu}
evaluation: {datasets: [Set5, Set14], degradations: [clean, blur, noise], metrics: [psnr_rgb, ssim_y]}
"""


def write_experiment(folder: Path) -> Path:
    """Write an experiment below ``folder``, the working directory, and return its file.

    Both runs of ``two_views`` never happened, one of ``simple_align`` was not evaluated, ``dropout`` failed on all of
    Set5 with one seed, and one image gave NaN with ``adaptive_dropout``.
    """
    path = folder / f"{NAME}.yaml"
    path.write_text(TEXT)
    experiment = load_experiment(path)
    study = study_of(experiment)
    _write_metrics(folder, experiment, study)
    _write_records(folder, experiment)
    for dataset, count in IMAGES.items():
        pictures = {
            f"{dataset.lower()}_{index:03d}": numpy_stream("picture", dataset, index).integers(
                0, 256, (64, 64, 3), np.uint8
            )
            for index in range(count)
        }
        for name, step in (("hr", 1), *((key, 4) for key in study.degradations)):
            place = folder / layout.benchmarks(4) / dataset / name
            for image, pixels in pictures.items():
                write_png(place / f"{image}.png", pixels[::step, ::step])
            rows = [Row.of(image, pixels[::step, ::step]) for image, pixels in pictures.items()]
            write_manifest(place / MANIFEST, {}, rows, sealed=True)
    return path


def _write_metrics(folder: Path, experiment: Experiment, study: Study) -> None:
    rows = synthetic.metric_rows(study, images=IMAGES)
    lost = (rows["variant"] == "dropout") & (rows["seed"] == 1) & (rows["dataset"] == "Set5")
    rows.loc[lost, ["status", "value"]] = ["failed", float("nan")]
    one = (rows["variant"] == "adaptive_dropout") & (rows["seed"] == 0) & (rows["image"] == "set14_003")
    rows.loc[one & (rows["degradation"] == "blur"), "value"] = float("nan")  # and says "ok"
    for run in experiment.runs:
        if run.variant == "two_views" or (run.variant == NEVER and run.seed == 1):
            continue
        part = rows[(rows["variant"] == run.variant) & (rows["seed"] == run.seed)]
        target = folder / layout.metrics(run.name, experiment.evaluation.hash)
        target.parent.mkdir(parents=True, exist_ok=True)
        part.to_parquet(target)
    target = folder / layout.metrics("bicubic", experiment.evaluation.hash)
    target.parent.mkdir(parents=True, exist_ok=True)
    rows[rows["variant"] == "bicubic"].to_parquet(target)


def _write_records(folder: Path, experiment: Experiment) -> None:
    synthetic.write_runs(study_of(experiment), folder / layout.RUNS)
    for run in experiment.runs:
        record = folder / layout.run(run.name) / "run.json"
        if run.variant == "two_views":
            for file in record.parent.iterdir():
                file.unlink()
            continue
        document = json.loads(record.read_text())
        seconds = {LONGER: 1500.0, "dropout": 1450.0}.get(run.variant, 1000.0)
        document |= {"spec": run.spec.model_dump(mode="json"), "seconds": seconds}
        write_text(record, json.dumps(document))


def main(experiment: str) -> None:
    """Run the commands of reporting as a person would, in one process."""
    from typer.testing import CliRunner

    from harness.commands.app import app

    for command in (["aggregate", experiment, "--partial"], ["tables"], ["figures"], ["report"]):
        arguments = command if len(command) > 1 else [*command, experiment]
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output


if __name__ == "__main__":
    main(sys.argv[1])
