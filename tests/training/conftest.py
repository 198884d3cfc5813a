"""A tiny run that trains in a second: two small packs and a spec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.datasets.patches import pack
from harness.experiment.catalogues import Catalogues
from harness.regularizers import resolve_options
from harness.spec import RegularizerSpec, RunSpec, TrainingSpec
from harness.training.train import Job

CATALOGUES = Catalogues.load()


def tiny_spec(
    regularizer: str = "baseline", seed: int = 0, options: dict[str, Any] | None = None, **training: Any
) -> RunSpec:
    """A run of 30 iterations on the small network, with every option given in ``training`` changed."""
    settings: dict[str, Any] = {
        "data": "embedded_train",
        "heldout": "embedded_heldout",
        "iterations": 30,
        "batch_size": 4,
        "crop": 48,
        "patch": 32,
        "degradation": CATALOGUES.training_degradations["second_order"],
        "learning_rate": 1e-3,
        "ema": 0.9,
        "log_every": 7,
        "heldout_every": 11,
        "heldout_images": 6,
        "device": "cpu",
    }
    network = CATALOGUES.networks["srresnet_small"].network
    arguments = {**network.arguments, "num_feat": 8, "num_block": 2}
    return RunSpec(
        network=network.model_copy(update={"arguments": arguments}),
        regularizer=RegularizerSpec(regularizer=regularizer, options=resolve_options(regularizer, options or {})),
        training=TrainingSpec(**(settings | training)),
        scale=4,
        seed=seed,
    )


@pytest.fixture(scope="session")
def packs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the packs of the embedded training and held-out photographs."""
    folder = tmp_path_factory.mktemp("packs")
    for name in ("embedded_train", "embedded_heldout"):
        pack(name, "nowhere", folder / name, jobs=1)
    return folder


def job(packs: Path, folder: Path, **changes: Any) -> Job:
    """The folders of a run below ``folder``."""
    settings: dict[str, Any] = {"save_every": 10, "save_seconds": 600.0}
    return Job(
        "tiny",
        folder / "run",
        folder / "state",
        packs / "embedded_train",
        packs / "embedded_heldout",
        **(settings | changes),
    )
