"""Evaluation of one method on any number of sets: one tidy row per image and metric, and nothing finished is lost."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from harness.datasets.progress import progress
from harness.evaluation.fidelity import Reference, no_value
from harness.evaluation.passes import shown
from harness.evaluation.random_rows import random_rows
from harness.evaluation.retries import FileState
from harness.evaluation.scores import Scorer, scorer
from harness.evaluation.sets import Group, OpenSet, Unreadable, load_groups, open_set
from harness.evaluation.upscalers import NetworkUpscaler, ReferenceUpscaler, Upscaler, exact_float32
from harness.evaluation.weight_files import explain_missing
from harness.foundation.device_errors import device_problem, explain_device_errors
from harness.foundation.errors import HarnessError
from harness.foundation.files import atomic_path
from harness.foundation.images import Pixels
from harness.foundation.sums import sealed_path
from harness.networks.chance import check_passes
from harness.spec import PassesSpec, SetSpec

logger = logging.getLogger(__name__)

COLUMNS = ("network", "variant", "regularizer", "seed", "dataset", "degradation", "image", "metric", "value", "status")
"""The columns of metrics tables."""

UNREADABLE = "unreadable"
"""Where ``rows.attrs`` holds the states (:func:`harness.evaluation.retries.file_state`) of files that cannot be read,
by path. Their cells failed, and can be measured once these files have changed."""


@dataclass(frozen=True)
class Method:
    """What the rows are labelled with.

    Attributes:
        network: name of the network, "" for references.
        variant: name of the variant, or of the reference.
        regularizer: name of the regularizer, "reference" for references, "external" for weights from outside.
        seed: of the training, None where there was none.
    """

    network: str
    variant: str
    regularizer: str
    seed: int | None = None


def evaluate_checkpoint(
    network: nn.Module,
    method: Method,
    sets: Sequence[SetSpec],
    benchmarks: Path,
    scale: int,
    device: torch.device | str = "cpu",
    weights_root: str | Path | None = None,
    readers: int = 4,
    passes: PassesSpec | None = None,
) -> pd.DataFrame:
    """Evaluate a plain network, with its weights loaded, on ``sets``.

    Whole images, batch 1, float32 without TF32, results rounded and clipped to 8 bit (PROTOCOL section 4).

    Args:
        network: takes (1, 3, h, w) float32 RGB on [0, 1] and returns (1, 3, h scale, w scale).
        method: labels of the rows.
        sets: datasets, each with its degradations and metrics.
        benchmarks: the folder of benchmarks; see :mod:`harness.evaluation.sets`.
        scale: upscaling factor, and the border that PSNR and SSIM leave out, in pixels; at scale 1 there is none.
        device: where the network and the metrics run.
        weights_root: folder of the learned metrics' weights.
        readers: threads that decode images ahead; numbers do not depend on it.
        passes: the ``test_time`` of a network that draws random numbers.

    Returns:
        One row per image and metric, with the columns :data:`COLUMNS`; of a network that draws random numbers one for
        each seed and way to run it, and one for their mean: :mod:`harness.evaluation.passes`. An image that fails has
        the status "failed" and no value; PSNR of identical images is infinite. ``attrs`` holds :data:`UNREADABLE`.

    Raises:
        HarnessError: a benchmark or a metric's weight file is missing, a metric is unknown, memory does not suffice,
            the GPU is lost, or the network draws random numbers of which ``passes`` says nothing.
    """
    check_passes(network, passes, f"evaluate {_title(method)}")
    training = network.training
    try:
        with _explained(method):
            measure = partial(
                _evaluate, sets=sets, benchmarks=benchmarks, scale=scale, weights_root=weights_root, readers=readers
            )
            if passes is None:
                return measure(NetworkUpscaler(network, scale, device), method)
            return random_rows(
                {
                    way.name: [
                        measure(NetworkUpscaler(network, scale, device, one), replace(method, network=name))
                        for name, one in way.drawn.items()
                    ]
                    for way in shown(method.network, passes)
                }
            )
    finally:
        network.train(training)


def evaluate_reference(
    name: str,
    sets: Sequence[SetSpec],
    benchmarks: Path,
    scale: int,
    weights_root: str | Path | None = None,
    readers: int = 4,
) -> pd.DataFrame:
    """Evaluate a method without weights, such as ``bicubic``, on the CPU; the rest as :func:`evaluate_checkpoint`."""
    method = Method("", name, "reference")
    with _explained(method):
        return _evaluate(ReferenceUpscaler(name, scale), method, sets, benchmarks, scale, weights_root, readers)


def _explained(method: Method) -> AbstractContextManager[None]:
    advice = "use a GPU with more memory, set runs_per_gpu: 1, or evaluate with device: cpu"
    return explain_device_errors(f"evaluate {_title(method)}", advice, "nothing was written")


def write_metrics(rows: pd.DataFrame, path: str | Path, sealed: bool = False) -> None:
    """Write metrics rows atomically, as CSV if ``path`` ends so, else as Parquet; ``sealed`` adds its sum beside it.

    Equal rows give equal bytes (for one version of pyarrow).
    """
    clean = rows.loc[:, list(COLUMNS)].reset_index(drop=True)
    clean.attrs = {}
    with (sealed_path if sealed else atomic_path)(path) as temporary:
        if Path(path).suffix == ".csv":
            clean.to_csv(temporary, index=False, lineterminator="\n")
        else:
            clean.to_parquet(temporary, engine="pyarrow", compression="zstd", index=False)


def _evaluate(
    upscaler: Upscaler,
    method: Method,
    sets: Sequence[SetSpec],
    benchmarks: Path,
    scale: int,
    weights_root: str | Path | None,
    readers: int,
) -> pd.DataFrame:
    start = time.perf_counter()
    opened = [open_set(spec, benchmarks) for spec in sets]
    scorers = _scorers(opened, upscaler.device, weights_root)
    rows: list[tuple[str, str, str, str, float, str]] = []
    unreadable: dict[str, FileState] = {}
    total = sum(len(one.images) for one in opened)
    with exact_float32():
        for group in progress(load_groups(opened, readers), total, f"evaluate {_title(method)}"):
            rows.extend(_group_rows(group, upscaler, scorers, scale))
            for image in (group.truth, *group.degraded.values()):
                unreadable |= image.states if isinstance(image, Unreadable) else {}
    frame = _frame(rows, method)
    frame.attrs[UNREADABLE] = unreadable
    _log_summary(frame, method, time.perf_counter() - start, upscaler.seconds)
    return frame


def _scorers(opened: Iterable[OpenSet], device: torch.device, weights_root: str | Path | None) -> dict[str, Scorer]:
    metrics = {metric.name: metric for one in opened for metric in one.metrics}
    problems = [problem for name in metrics if (problem := explain_missing(name, weights_root))]
    if problems:
        raise HarnessError("\n".join(problems))
    return {name: scorer(metric, device, weights_root) for name, metric in metrics.items()}


def _group_rows(
    group: Group, upscaler: Upscaler, scorers: dict[str, Scorer], scale: int
) -> Iterator[tuple[str, str, str, str, float, str]]:
    """Yield (dataset, degradation, image, metric, value, status) of all versions of one image."""
    dataset, metrics = group.owner.spec.dataset, group.owner.metrics
    values = _measure(group, upscaler, scorers, scale)
    for degradation in group.degraded:
        for metric in metrics:
            value = values.get((degradation, metric.name), math.nan)
            yield dataset, degradation, group.image, metric.name, value, "failed" if math.isnan(value) else "ok"


def _measure(group: Group, upscaler: Upscaler, scorers: dict[str, Scorer], scale: int) -> dict[tuple[str, str], float]:
    """Return the values of one image by (degradation, metric); what failed is logged and left out.

    Nothing waits for the device before all versions of the image have been upscaled and measured.
    """
    if isinstance(group.truth, HarnessError):
        _log_failure(group, "all degradations", group.truth)
        return {}
    outputs = _upscale_all(group, upscaler, scale)
    if not outputs:
        return {}
    reference = None
    if group.truth is not None:
        reference = Reference(torch.from_numpy(group.truth.copy()).to(upscaler.device), scale if scale > 1 else 0)
    results = {degradation: pixels for degradation, (pixels, _) in outputs.items()}
    measured = {
        metric.name: _judge(scorers[metric.name], results, reference if metric.needs_reference else None)
        for metric in group.owner.metrics
    }
    flags = torch.stack([flag for _, flag in outputs.values()]).tolist()
    finite = [degradation for degradation, good in zip(outputs, flags, strict=True) if good]
    for degradation in outputs:
        if degradation not in finite:
            _log_failure(group, degradation, "the network's result is not finite (NaN or infinity)")
    return _finish(group, {name: results[name] for name in finite}, measured, scorers)


_Judged = dict[str, torch.Tensor | Exception]
"""Degradation to a number on the device, or to why there is none."""


def _judge(scorer: Scorer, results: dict[str, torch.Tensor], reference: Reference | None) -> _Judged:
    """Measure all versions of an image; one that cannot be measured takes no other with it."""
    if reference is not None and len(results) > 1:
        try:
            return dict(zip(results, scorer.measure(torch.stack(list(results.values())), reference), strict=True))
        except Exception as error:
            _only_of_the_image(error)
    judged: _Judged = {}
    for degradation, pixels in results.items():
        try:
            judged[degradation] = scorer.measure(pixels[None], reference)[0]
        except Exception as error:
            judged[degradation] = _only_of_the_image(error)
    return judged


def _only_of_the_image(error: Exception) -> Exception:
    """Return the error, unless it is the machine's: then the job stops and is tried again.

    Networks and metrics of users may raise anything.
    """
    if device_problem(error):
        raise error
    return error


def _upscale_all(group: Group, upscaler: Upscaler, scale: int) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Return degradation to (result, finite) for what could be read and upscaled to the size it must have."""
    outputs: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
    for degradation, pixels in group.degraded.items():
        if isinstance(pixels, HarnessError):
            _log_failure(group, degradation, pixels)
            continue
        try:
            _check_size(pixels, group.truth, scale)
            result = upscaler(pixels)
            expected = (pixels.shape[0] * scale, pixels.shape[1] * scale, 3)
            if tuple(result[0].shape) != expected:
                raise HarnessError(
                    f"the network's result is {tuple(result[0].shape)} and must be {expected}: wrong scale?"
                )
            outputs[degradation] = result
        except Exception as error:
            _log_failure(group, degradation, _only_of_the_image(error))
    return outputs


def _check_size(pixels: Pixels, truth: Pixels | HarnessError | None, scale: int) -> None:
    if truth is None or isinstance(truth, HarnessError):
        return
    (height, width), (full_height, full_width) = pixels.shape[:2], truth.shape[:2]
    if (height * scale, width * scale) != (full_height, full_width):
        raise HarnessError(f"{width}x{height} times {scale} is not the ground truth's size {full_width}x{full_height}")


def _finish(
    group: Group, results: dict[str, torch.Tensor], measured: dict[str, _Judged], scorers: dict[str, Scorer]
) -> dict[tuple[str, str], float]:
    """Bring the numbers of the degradations in ``results`` to the host; what has none is logged."""
    values: dict[tuple[str, str], float] = {}
    for name, judged in measured.items():
        there = {key: found for key in results if not isinstance(found := judged[key], Exception)}
        numbers = torch.stack(list(there.values())).tolist() if there else []
        values |= {(key, name): scorers[name].finish(number) for key, number in zip(there, numbers, strict=True)}
        problems: dict[str, Exception | str] = {
            key: found for key in results if isinstance(found := judged[key], Exception)
        }
        problems |= {key: no_value(name, results[key]) for key in there if math.isnan(values[key, name])}
        same = {str(problem) for problem in problems.values()}
        if len(problems) == len(results) > 1 and len(same) == 1:
            problems = {"all degradations": next(iter(problems.values()))}
        for where, problem in problems.items():
            _log_failure(group, f"{where}: {name}", problem)
    return values


def _frame(rows: list[tuple[str, str, str, str, float, str]], method: Method) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(COLUMNS[4:]))
    frame = frame.astype({"value": "float64"})
    seed = pd.array([method.seed if method.seed is not None else pd.NA] * len(frame), dtype="Int64")
    labels = {"network": method.network, "variant": method.variant, "regularizer": method.regularizer}
    return frame.assign(**labels, seed=seed).loc[:, list(COLUMNS)]


def _title(method: Method) -> str:
    seed = "" if method.seed is None else f"s{method.seed}"
    return ".".join(part for part in (method.network, method.variant, seed) if part)


def _log_failure(group: Group, where: str, problem: Exception | str) -> None:
    lines = str(problem).strip().splitlines() or [type(problem).__name__]
    expected = HarnessError | RuntimeError | ValueError | AssertionError | str
    kind = "" if isinstance(problem, expected) else f"{type(problem).__name__}: "
    logger.warning("failed: %s %s %s: %s%s", group.owner.spec.dataset, where, group.image, kind, lines[0])


def _log_summary(frame: pd.DataFrame, method: Method, seconds: float, inside: float) -> None:
    failed = int((frame["status"] == "failed").sum())
    outside = 100 * (1 - inside / seconds) if seconds else 0.0
    text = "%s: %d rows, %d failed, %.1f s, %.1f%% of it outside the method itself"
    logger.info(text, _title(method), len(frame), failed, seconds, outside)
