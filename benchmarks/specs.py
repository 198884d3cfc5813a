"""The runs that are timed: the paper's, with another device, precision or number of threads."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from harness.datasets.catalogue import CONFIGS
from harness.experiment import Experiment, load_experiment
from harness.spec import PerformanceSpec, RunSpec, TrainingSpec

VARIANTS = ("baseline", "dropout", "adaptive_dropout", "simple_align")


def bench_spec(variant: str, device: str, precision: str = "fp32", small: bool = False, **training: Any) -> RunSpec:
    """Return the spec of one variant of the paper's experiment (SRResNet, batch 16, crop 400, patch 128, seed 0).

    Options of performance that are not given are the network's defaults for the device.

    Args:
        variant: as in ``configs/regularizers.yaml``.
        device: ``cpu`` or ``cuda``.
        precision: ``fp32`` or ``bf16``.
        small: four images, a network of two blocks with eight features, and a patch of 32: to test the benchmark.
        training: other settings of the training.
    """
    spec = _paper().run(f"srresnet.{variant}.s0").spec
    settings: dict[str, Any] = spec.training.model_dump(mode="json") | PerformanceSpec().model_dump(mode="json")
    settings |= _defaults(device, precision) | {"device": device, "precision": precision}
    network = spec.network
    if small:
        settings |= {"batch_size": 4, "crop": 64, "patch": 32}
        arguments = network.arguments | {"num_feat": 8, "num_block": 2}
        network = network.model_copy(update={"arguments": arguments})
    return RunSpec(
        network=network,
        regularizer=spec.regularizer,
        training=TrainingSpec.model_validate_json(json.dumps(settings | training)),
        scale=spec.scale,
        seed=spec.seed,
    )


def network_spec(network: str, device: str, batch: int, patch: int, **training: Any) -> RunSpec:
    """Return the spec of a network of the catalogue without a regularizer, with its defaults for the device."""
    entry = _paper().catalogues.networks[network]
    precision = training.get("precision", "fp32")
    settings = {"crop": patch, "patch": patch, "batch_size": batch} | _defaults(device, precision, network) | training
    settings.pop("precision", None)
    spec = bench_spec("baseline", device, precision, **settings)
    scale = 1 if "_x1" in network else spec.scale
    return spec.model_copy(update={"network": entry.network, "scale": scale})


def _defaults(device: str, precision: str, network: str = "srresnet") -> dict[str, Any]:
    return _paper().catalogues.networks[network].defaults("cuda" if device == "cuda" else "cpu", precision)


@lru_cache(maxsize=1)
def _paper() -> Experiment:
    return load_experiment(CONFIGS / "experiments" / "paper.yaml")
