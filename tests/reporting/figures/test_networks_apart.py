"""Figures of what networks have learned: networks are never mixed, as their layers and their gaps differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.reporting.figures import analysis as draw
from tests.reporting import synthetic

NETWORKS = ("deep", "flat")
STUDY = synthetic.study(networks=NETWORKS)
METHODS = STUDY.methods[:2]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[list[Axes]]:
    """The axes of every figure that is saved."""
    found: list[list[Axes]] = []

    def keep(figure: Figure, *_: Any) -> list[Path]:
        found.append([axis for axis in figure.axes if axis.axison])
        return []

    monkeypatch.setattr(draw, "save", keep)
    return found


def test_what_predicts_is_judged_within_a_network(drawn: list[list[Axes]], tmp_path: Path) -> None:
    rows = [
        (network, METHODS[0], seed, offset + seed, offset - seed)
        for network, offset in zip(NETWORKS, (0.0, 100.0), strict=True)
        for seed in range(6)
    ]
    frame = pd.DataFrame(rows, columns=["network", "variant", "seed", "value", "gap"])
    gap = frame.drop(columns="value").rename(columns={"gap": "value"})
    draw.prediction(frame.drop(columns="gap").assign(index="silhouette"), gap, STUDY, tmp_path, "")
    titles = [axis.get_title(loc="left") for axis in drawn[0]]
    assert [title.split(":")[0] for title in titles] == list(NETWORKS)
    assert all("6 runs:\n-1.00" in title for title in titles), "together they would rise: a large network has both"


def test_layers_and_channels_are_those_of_one_network(drawn: list[list[Axes]], tmp_path: Path) -> None:
    rows = [
        (network, method, seed, measure, "blur", layer, depth, channel, 1.0 + channel)
        for network, layers, channels in ((NETWORKS[0], ("first", "block1", "last"), 8), (NETWORKS[1], ("last",), 4))
        for method in METHODS
        for seed in (0, 1)
        for depth, layer in enumerate(layers)
        for measure, count in (("saliency", channels), ("silhouette", 1))
        for channel in range(count)
    ]
    names = ["network", "variant", "seed", "measure", "degradation", "layer", "depth", "channel", "value"]
    frame = pd.DataFrame(rows, columns=names)
    draw.saliency(frame, STUDY, tmp_path)
    draw.blocks(frame, STUDY, tmp_path)
    channels, depths = (
        [(axis.get_title(loc="left"), max(len(np.asarray(line.get_ydata())) for line in axis.lines)) for axis in one]
        for one in drawn
    )
    assert channels == [("deep: first", 8), ("deep: block1", 8), ("deep: last", 8), ("flat: last", 4)]
    assert [length for _, length in depths] == [3, 1]
    assert [[text.get_text() for text in axis.get_xticklabels()] for axis in drawn[1]] == [
        ["first", "block1", "last"],
        ["last"],
    ]
    assert all(np.isfinite(line.get_ydata()).all() for axis in drawn[0] for line in axis.lines)
