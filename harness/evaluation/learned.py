"""Metrics that pyiqa computes, with weights from a local folder only.

pyiqa's licence is PolyForm-Noncommercial; it is imported when one of its metrics is first used, never before. It looks
for weights in torch's hub cache and downloads what it does not find. Here it is shown a temporary cache of links into
the weights folder, and what is missing or damaged is an error before pyiqa is asked.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import torch

import harness.foundation.compat  # noqa: F401
from harness.evaluation.fidelity import Measure, Reference, no_value
from harness.evaluation.metrics import Metric
from harness.evaluation.weight_files import WEIGHT_FILES, check_weights, explain_missing
from harness.foundation.device_errors import device_problem
from harness.foundation.errors import HarnessError

_SEED = 123
"""For metrics that draw numbers; each image starts from it."""

NIQE_BLOCK = 96
"""Side of NIQE's blocks in pixels: smaller images have no NIQE."""


def import_pyiqa() -> ModuleType:
    """Import pyiqa quietly and offline.

    Raises:
        HarnessError: pyiqa is not installed.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import pyiqa
        except ImportError as error:
            raise HarnessError(f"pyiqa cannot be imported ({error}); install it with `pip install pyiqa`") from error
    logging.getLogger("pyiqa").setLevel(logging.WARNING)
    return pyiqa


def learned_measure(metric: Metric, device: torch.device | str, weights_root: str | Path | None = None) -> Measure:
    """Load one of pyiqa's metrics onto ``device``.

    Raises:
        HarnessError: its weights are missing, damaged, not what the metric expects, or pyiqa is not installed.
    """
    problem = explain_missing(metric.name, weights_root)
    if problem:
        raise HarnessError(problem)
    files = [check_weights(name, weights_root) for name in metric.weights]
    pyiqa = import_pyiqa()
    with _hub_of_links(files) as hub, _quiet(), _safe_loading():
        try:
            model = pyiqa.create_metric(metric.pyiqa, device=torch.device(device), **_arguments(metric, hub))
        except Exception as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise HarnessError(
                f"metric {metric.name}: cannot be loaded from {', '.join(map(str, files))}: {reason}"
            ) from error
    return _measure(metric, model, torch.device(device))


def _measure(metric: Metric, model: Callable[..., Any], device: torch.device) -> Measure:
    """Return a function of uint8 (N, H, W, 3) that judges image by image, so that batches cannot matter."""

    def measure(outputs: torch.Tensor, reference: Reference | None) -> torch.Tensor:
        if metric.pyiqa == "niqe" and min(outputs.shape[1:3]) < NIQE_BLOCK:
            raise HarnessError(
                f"NIQE needs at least {NIQE_BLOCK}x{NIQE_BLOCK} pixels, not {outputs.shape[2]}x{outputs.shape[1]}"
            )
        truth = []
        if metric.needs_reference:
            if reference is None:
                raise HarnessError(f"{metric.name} compares with a ground truth, and the set has none")
            if outputs.shape[1:] != reference.pixels.shape:
                raise HarnessError(f"{metric.name}: output and ground truth differ in size")
            truth = [_planes(reference.pixels)]
        return torch.stack([judged(image, truth) for image in outputs])

    def judged(image: torch.Tensor, truth: list[torch.Tensor]) -> torch.Tensor:
        try:
            return _score(model, [_planes(image), *truth], device)
        except Exception as error:  # pyiqa's metrics raise whatever their arithmetic meets
            if device_problem(error):
                raise
            raise HarnessError(no_value(metric.name, image)) from error

    return measure


def _score(model: Callable[..., Any], images: list[torch.Tensor], device: torch.device) -> torch.Tensor:
    devices = [device] if device.type == "cuda" else []
    with warnings.catch_warnings(), torch.random.fork_rng(devices):
        warnings.simplefilter("ignore")
        torch.manual_seed(_SEED)
        value: torch.Tensor = model(*images)
    return value.reshape(()).double()


def _planes(image: torch.Tensor) -> torch.Tensor:
    return image.permute(2, 0, 1)[None].float() / 255


def _arguments(metric: Metric, hub: Path) -> dict[str, str]:
    if metric.name != "niqe_basicsr":
        return {}
    return {"pretrained_model_path": str(basicsr_niqe_model(hub))}


def basicsr_niqe_model(folder: Path) -> Path:
    """Convert the pristine model that BasicSR ships (an .npz) to the .mat file that pyiqa reads, and return its path.

    Raises:
        HarnessError: BasicSR is not installed or lacks the file.
    """
    from scipy.io import savemat

    spec = importlib.util.find_spec("basicsr")
    source = (
        Path(spec.submodule_search_locations[0], "metrics", "niqe_pris_params.npz")
        if spec and spec.submodule_search_locations
        else None
    )
    if source is None or not source.is_file():
        raise HarnessError(
            "metric niqe_basicsr: basicsr is not installed or lacks niqe_pris_params.npz; install basicsr==1.4.2"
        )
    target = folder / "niqe_basicsr.mat"
    with np.load(source) as content:
        savemat(target, {"mu_prisparam": content["mu_pris_param"], "cov_prisparam": content["cov_pris_param"]})
    return target


@contextlib.contextmanager
def _hub_of_links(files: list[Path]) -> Iterator[Path]:
    """Point torch's and pyiqa's download caches to a temporary folder with links to ``files``."""
    import pyiqa.utils.download_util as downloads

    with tempfile.TemporaryDirectory(prefix="harness-weights-") as name:
        hub = Path(name)
        for file in files:
            link = hub / WEIGHT_FILES[file.name].place / file.name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file.resolve())
        before = torch.hub.get_dir()
        torch.hub.set_dir(hub)
        try:
            with mock.patch.object(downloads, "DEFAULT_CACHE_DIR", str(hub / "pyiqa")):
                yield hub
        finally:
            torch.hub.set_dir(before)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _safe_loading() -> Iterator[None]:
    """Load tensors only, never pickled code, and let no backbone download weights that a checkpoint overwrites.

    MANIQA's checkpoint contains its vision transformer, yet pyiqa first asks timm for another copy of it.
    """
    import timm

    create = timm.create_model

    def without_download(name: str, pretrained: bool = False, **options: Any) -> Any:
        return create(name, pretrained=False, **options)

    with (
        mock.patch.dict(os.environ, TORCH_FORCE_WEIGHTS_ONLY_LOAD="1"),
        mock.patch.object(timm, "create_model", without_download),
    ):
        yield
