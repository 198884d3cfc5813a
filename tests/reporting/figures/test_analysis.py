"""The figures of analyses, from planted rows; ``python -m tests.reporting.figures.test_analysis FOLDER`` draws them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from harness.foundation.rng import numpy_stream
from harness.reporting.figures import analysis as draw
from harness.reporting.statistics.analyses import last_weights, per_run, per_weights
from tests.reporting.synthetic import METHODS, study

LAYERS = ("first", "block1", "block2", "last")
CHANNELS = 16
STEPS = (100, 200, 300)
DEGRADATIONS = ("clean", "blur", "noise")


def planted() -> pd.DataFrame:
    """Rows of four methods, two seeds, three iterations: the later a method, the more equal its channels."""
    rows = []
    for place, variant in enumerate(METHODS):
        for seed in range(2):
            for step in STEPS:
                random = numpy_stream("planted", variant, seed, step)
                own = {"network": "srresnet", "variant": variant, "seed": seed, "iteration": step}
                for depth, layer in enumerate(LAYERS):
                    rows += [{**own, **row} for row in _of_layer(random, place, depth, layer, step)]
                for _ in DEGRADATIONS[1:]:
                    value = 3 + 0.1 * place + random.normal(0, 0.05)
                    rows.append({**own, "measure": "own_patch_index", "layer": "last", "depth": 3, "value": value})
                for name in DEGRADATIONS:
                    for image in range(4):
                        for measure, value in zip("xy", random.normal(0, 1, 2), strict=True):
                            where = {"analysis": "picture", "degradation": name, "image": str(image)}
                            rows.append(
                                {**own, **where, "measure": measure, "layer": "last", "depth": 3, "value": value}
                            )
    return pd.DataFrame(rows).fillna({"image": "", "degradation": "", "analysis": ""})


def _of_layer(random: np.random.Generator, place: int, depth: int, layer: str, step: int) -> list[dict[str, object]]:
    where = {"layer": layer, "depth": depth}
    shape = np.exp(-np.arange(CHANNELS) * (0.6 - 0.12 * place))
    found: list[dict[str, object]] = []
    for name in DEGRADATIONS:
        for image in range(3):
            losses = shape * (1 + random.normal(0, 0.2, CHANNELS)) - 0.01
            own = {**where, "degradation": name, "image": f"i{image}"}
            found += [{**own, "measure": "loss", "channel": c, "value": v} for c, v in enumerate(losses.tolist())]
            found.append({**own, "measure": "loss_spread", "value": float(losses.std())})
            found.append({**own, "measure": "saliency_spread", "value": 0.5 - 0.05 * place + step / 2000})
            found.append({**own, "measure": "similarity", "value": 0.9 - 0.03 * place - 0.05 * depth})
            found.append({**own, "measure": "silhouette", "value": -0.1 + 0.02 * place + 0.05 * depth})
        saliency = (1 + shape) * (1 + random.normal(0, 0.05, CHANNELS))
        own = {**where, "degradation": name}
        found += [{**own, "measure": "saliency", "channel": c, "value": v} for c, v in enumerate(saliency.tolist())]
    return found


def figures(folder: Path) -> list[Path]:
    """Draw all of them."""
    rows, plan = planted(), study(seeds=(0, 1), metrics=("psnr_rgb",))
    last, values = last_weights(rows), per_run(rows)
    gap = values[values["index"] == "silhouette"].drop(columns="index").assign(value=lambda own: own["value"] + 1)
    return [
        *draw.saliency(last, plan, folder),
        *draw.left_out(last, plan, folder),
        *draw.blocks(last, plan, folder),
        *draw.pictures(last, plan, folder),
        *draw.prediction(values, gap, plan, folder, ", dB"),
        *draw.over_time(per_weights(rows), plan, folder),
    ]


@pytest.mark.slow
def test_all_are_drawn_and_hold_ink(tmp_path: Path) -> None:
    for path in figures(tmp_path):
        if path.suffix == ".png":
            pixels = np.asarray(Image.open(path).convert("L"))
            assert (pixels < 128).mean() > 0.002, path.name


def test_indices_over_time_keep_the_iteration_and_end_where_the_table_begins() -> None:
    rows = planted()
    over_time, end = per_weights(rows), per_run(rows)
    spread = over_time[over_time["index"] == "saliency_spread"]
    means = spread.groupby("iteration")["value"].mean()
    assert list(means.index) == list(STEPS)
    assert means[300] - means[100] == pytest.approx(200 / 2000)
    last = spread[spread["iteration"] == 300]["value"].to_numpy()
    np.testing.assert_array_equal(last, end[end["index"] == "saliency_spread"]["value"])


if __name__ == "__main__":
    print(*figures(Path(sys.argv[1])), sep="\n")
