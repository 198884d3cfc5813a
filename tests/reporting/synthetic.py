"""A plausible experiment made of numbers alone: metric rows with known truth, histories and run descriptions.

``python -m tests.reporting.synthetic FOLDER`` writes one, with its tables and the report.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from harness.degradations.spec import SecondOrderSpec
from harness.foundation.rng import numpy_stream
from harness.reporting.rows.cells import COLUMNS, REFERENCE
from harness.reporting.rows.compared import Study, StudyRun
from harness.spec import NetworkSpec, RegularizerSpec, RunSpec, TrainingSpec

DEGRADATIONS = ("clean", "blur", "noise", "jpeg", "blur_noise", "blur_jpeg", "noise_jpeg", "blur_noise_jpeg")
METHODS = ("baseline", "dropout", "simple_align", "adaptive_dropout")
IMAGES: Mapping[str, int] = {"Set5": 5, "Set14": 14, "B100": 100}
LEVELS = dict(zip(DEGRADATIONS, (25.2, 24.7, 23.7, 23.6, 23.1, 23.0, 23.2, 22.5), strict=True))
GAINS: Mapping[str, float] = {
    "bicubic": -0.9,
    "baseline": 0.0,
    "dropout": 0.35,
    "simple_align": 0.45,
    "adaptive_dropout": 0.47,
}


def study(
    *,
    networks: tuple[str, ...] = ("srresnet",),
    seeds: tuple[int, ...] = (0, 1, 2),
    metrics: tuple[str, ...] = ("psnr_rgb", "ssim_y"),
    datasets: tuple[str, ...] = tuple(IMAGES),
    degradations: tuple[str, ...] = DEGRADATIONS,
    methods: tuple[str, ...] = METHODS,
    name: str = "synthetic",
) -> Study:
    """Return a study that is a full product."""
    return Study.product(
        name,
        networks=networks,
        methods=methods,
        seeds=seeds,
        datasets=datasets,
        degradations=degradations,
        metrics=metrics,
        description="Numbers drawn at random, to try the reporting without training anything.",
    )


def metric_rows(
    plan: Study,
    *,
    gains: Mapping[str, float] = GAINS,
    sigma_seed: float = 0.05,
    sigma_image: float = 0.15,
    sigma_rest: float = 0.08,
    images: Mapping[str, int] = IMAGES,
    seed: int = 0,
) -> pd.DataFrame:
    """Draw metric rows: level of the degradation + image + method's gain + seed, image and interaction effects.

    Effects are normal with the given standard deviations (dB for PSNR; SSIM is PSNR / 30). The gain of a method is
    the same for every degradation but ``clean``, which gets half of it.
    """
    rows = []
    arms = [("", name, REFERENCE, None) for name in plan.references]
    arms += [(model.network, model.name, "external", None) for model in plan.externals]
    arms += [(run.network, run.variant, run.regularizer, run.seed) for run in plan.runs]
    for network, variant, regularizer, run_seed in arms:
        luck = numpy_stream(seed, "seed", network, variant, str(run_seed)).normal(0, sigma_seed)
        for item in plan.sets:
            count = images[item.dataset]
            level = LEVELS.get(item.degradation, 22.0) + numpy_stream(seed, "image", item.dataset).normal(0, 3, count)
            own = numpy_stream(seed, "own", network, variant, item.dataset).normal(0, sigma_image, count)
            rest = numpy_stream(seed, "rest", network, variant, str(run_seed), item.dataset, item.degradation)
            gain = gains.get(variant, 0.1) * (0.5 if item.degradation == "clean" else 1.0)
            psnr = level + gain + luck + own + rest.normal(0, sigma_rest, count)
            for metric in item.metrics:
                values = psnr if metric.startswith("psnr") else psnr / 30
                rows.append(
                    pd.DataFrame(
                        {
                            "network": network,
                            "variant": variant,
                            "regularizer": regularizer,
                            "seed": pd.array([run_seed] * count, dtype="Int64"),
                            "dataset": item.dataset,
                            "degradation": item.degradation,
                            "image": [f"{item.dataset.lower()}_{index:03d}" for index in range(count)],
                            "metric": metric,
                            "value": values,
                            "status": "ok",
                        }
                    )
                )
    return pd.concat(rows, ignore_index=True)[list(COLUMNS)]


def history(iterations: int, final: float, seed: int = 0, points: int = 100) -> pd.DataFrame:
    """Draw a training history that falls from 0.2 to ``final``; ``heldout_l1`` is there at ten points."""
    steps = np.unique(np.linspace(0, iterations, points).astype(int))
    noise = numpy_stream(seed, "history").normal(0, 0.004, len(steps))
    curve = final + (0.2 - final) * np.exp(-steps / iterations * 8)
    penalty = np.zeros(len(steps))
    heldout = np.where(np.arange(len(steps)) % (points // 10) == 0, curve, np.nan)
    heldout[-1] = curve[-1]
    rate = 2e-4 * 0.5 * (1 + np.cos(np.pi * np.minimum(steps / iterations * 2 % 1, 1)))
    return pd.DataFrame(
        {
            "iteration": steps,
            "loss": np.maximum(curve + noise + penalty, 0.001),
            "l1": np.maximum(curve + noise, 0.001),
            "penalty": penalty,
            "learning_rate": rate,
            "heldout_l1": heldout,
        }
    )


def _spec(run: StudyRun) -> RunSpec:
    """Return a complete spec, of a network too small to matter."""
    training = TrainingSpec(
        data="train",
        heldout="heldout",
        iterations=4000,
        batch_size=16,
        crop=400,
        patch=128,
        learning_rate=2e-4,
        degradation=SecondOrderSpec(),
    )
    network = NetworkSpec(path="basicsr.archs.srresnet_arch:MSRResNet", arguments={"num_feat": 4, "num_block": 1})
    regularizer = RegularizerSpec(regularizer=run.regularizer)
    return RunSpec(network=network, regularizer=regularizer, training=training, scale=4, seed=run.seed)


def write_runs(plan: Study, folder: Path) -> None:
    """Write ``history.csv`` and ``run.json`` of every run below ``folder``."""
    for index, run in enumerate(plan.runs):
        place = folder / run.name
        place.mkdir(parents=True, exist_ok=True)
        slow = {"simple_align": 1.7, "adaptive_dropout": 1.08}.get(run.variant, 1.0)
        final = 0.05 - 0.004 * GAINS.get(run.variant, 0.1)
        table = history(4000, final, seed=index)
        table.to_csv(place / "history.csv", index=False)
        document = {
            "spec": _spec(run).model_dump(mode="json"),
            "spec_hash": run.name.rpartition(".")[2].ljust(64, "0"),
            "versions": {"python": "3.11.2", "torch": "2.13.0"},
            "git_commit": "0" * 40,
            "hardware": {"cpu": "synthetic", "device": "cpu"},
            "seconds": 1000.0 * slow * (1 + 0.01 * run.seed),
            "images_per_second": 64.0 / slow,
            "peak_memory_bytes": 2_000_000_000,
            "data_sha256": "0" * 64,
            "heldout_l1_initial": 0.2,
            "heldout_l1_final": float(table["heldout_l1"].iloc[-1]),
            "energy_joules": None,
        }
        (place / "run.json").write_text(json.dumps(document))


def main(folder: Path) -> None:
    """Write a synthetic experiment with its tables and report (no figures: they need images) below ``folder``."""
    from harness.reporting.page.report import write_report
    from harness.reporting.rows.metric_rows import write_aggregate
    from harness.reporting.tables.write import write_tables

    plan = study()
    folder.mkdir(parents=True, exist_ok=True)
    metric_rows(plan).to_parquet(folder / "rows.parquet")
    write_aggregate([folder / "rows.parquet"], plan, folder / "metrics.parquet")
    write_runs(plan, folder / "runs")
    write_tables(folder / "metrics.parquet", plan, folder / "runs", folder / "tables")
    print(write_report(folder / "metrics.parquet", plan, folder / "runs", folder / "figures", folder / "report.html"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
