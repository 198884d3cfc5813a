"""Ten million metric rows to all tables: seconds and memory, each stage in a process of its own.

``python -m benchmarks.aggregate_rows [FOLDER]`` writes the metrics files of 48 runs on 400 images in eight degradations
(0.4 GB), merges them, writes all tables, and prints what each stage took. The numbers are random.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.degradations.fixed import STANDARD
from harness.evaluation.metrics import METRICS
from harness.foundation.rng import numpy_stream
from harness.reporting.rows.cells import COLUMNS, Entry, entries
from harness.reporting.rows.compared import Study
from harness.reporting.rows.metric_rows import write_aggregate
from harness.reporting.tables.formats import markdown_table
from harness.reporting.tables.write import write_tables

IMAGES = {"Set5": 5, "Set14": 14, "B100": 100, "Urban100": 100, "Manga109": 109, "DIV2K_valid": 72}
"""Images per data set, 400 in all."""

STAGES = ("aggregate", "tables")
_MIB = 2**20


def plan(images: Mapping[str, int], metrics: int) -> Study:
    """Return a study of 48 runs (four networks and methods, three seeds) and a reference, on eight degradations."""
    names = [*METRICS, *(f"metric_{index}" for index in range(len(METRICS), metrics))][:metrics]
    return Study.product(
        "rows",
        networks=("srresnet", "rrdb", "swinir", "edsr"),
        methods=("baseline", "dropout", "simple_align", "adaptive_dropout"),
        seeds=(0, 1, 2),
        datasets=tuple(images),
        degradations=STANDARD,
        metrics=names,
    )


def write_rows(study: Study, images: Mapping[str, int], folder: Path) -> tuple[list[Path], int]:
    """Write one metrics file per run and reference below ``folder``; return the files and the number of rows."""
    folder.mkdir(parents=True, exist_ok=True)
    files, rows = [], 0
    for index, entry in enumerate(entries(study)):
        frame = _rows(study, images, entry)
        rows += len(frame)
        files.append(folder / f"{index:02d}.parquet")
        frame.to_parquet(files[-1])
    return files, rows


def _rows(study: Study, images: Mapping[str, int], entry: Entry) -> pd.DataFrame:
    sets = [(item.dataset, item.degradation) for item in study.sets]
    counts = np.array([images[dataset] for dataset, _ in sets])
    position = np.repeat(np.arange(len(sets)), counts)
    image = np.concatenate([np.arange(count) for count in counts])
    metrics = len(study.metrics)
    total = len(image) * metrics
    names = np.array([f"{sets[place][0]}_{index:04d}" for place, index in zip(position, image, strict=True)])
    random = numpy_stream("rows", entry.network, entry.variant, str(entry.seed))
    columns = {
        "network": entry.network,
        "variant": entry.variant,
        "regularizer": entry.regularizer,
        "seed": pd.array([entry.seed] * total, dtype="Int64"),
        "dataset": np.repeat(np.array([dataset for dataset, _ in sets])[position], metrics),
        "degradation": np.repeat(np.array([degradation for _, degradation in sets])[position], metrics),
        "image": np.repeat(names, metrics),
        "metric": np.tile(np.array(study.metrics), len(image)),
        "value": 25 + random.normal(0, 1, total),
        "status": "ok",
    }
    return pd.DataFrame(columns)[list(COLUMNS)]


def run_stage(stage: str, study: Study, folder: Path) -> dict[str, float]:
    """Run one stage; return CPU seconds and the most memory of this whole process, imports included, in bytes."""
    if stage == "aggregate":
        write_aggregate(sorted((folder / "rows").glob("*.parquet")), study, folder / "metrics.parquet")
    else:
        write_tables(folder / "metrics.parquet", study, folder / "runs", folder / "tables")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"cpu": time.process_time(), "peak": float(peak)}


def measure(folder: Path, images: Mapping[str, int], metrics: int) -> dict[str, Any]:
    """Write the rows below ``folder`` and run both stages; return ``rows`` and the figures of each stage by name."""
    _, rows = write_rows(plan(images, metrics), images, folder / "rows")
    result: dict[str, Any] = {"rows": rows}
    for stage in STAGES:
        options = ["--stage", stage, "--metrics", str(metrics), "--images", json.dumps(dict(images))]
        command = [sys.executable, "-m", "benchmarks.aggregate_rows", str(folder), *options]
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        result[stage] = {"wall": time.perf_counter() - start, **json.loads(done.stdout)}
    return result


def table(result: dict[str, Any]) -> str:
    """Return the figures as Markdown, with their sum (of memory the largest)."""
    parts = {stage: result[stage] for stage in STAGES}
    whole = {"wall": 0.0, "cpu": 0.0, "peak": 0.0}
    for part in parts.values():
        whole = {
            "wall": whole["wall"] + part["wall"],
            "cpu": whole["cpu"] + part["cpu"],
            "peak": max(whole["peak"], part["peak"]),
        }
    rows = [
        [name, f"{part['wall']:.1f}", f"{part['cpu']:.1f}", f"{part['peak'] / _MIB:,.0f}"]
        for name, part in {**parts, "both": whole}.items()
    ]
    header = [f"{result['rows']:,} rows", "wall (s)", "CPU (s)", "peak memory (MiB)"]
    return markdown_table(header, rows, frozenset({1, 2, 3}))


def main() -> None:
    """Measure and print, or run one stage and print its figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.aggregate_rows", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("results/bench/rows"))
    parser.add_argument("--metrics", type=int, default=65, help="metric values per image and degradation")
    parser.add_argument("--images", type=json.loads, default=IMAGES, help="JSON: data set to its number of images")
    parser.add_argument("--stage", choices=STAGES, help="only this stage, on rows that are there")
    options = parser.parse_args()
    if options.stage:
        print(json.dumps(run_stage(options.stage, plan(options.images, options.metrics), options.folder)))
    else:
        print(table(measure(options.folder, options.images, options.metrics)))


if __name__ == "__main__":
    main()
