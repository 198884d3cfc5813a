"""What was compared and how, in words, from the spec of the runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.datasets.catalogue import load_catalogue
from harness.degradations.spec import SecondOrderSpec
from harness.evaluation.passes import Shown
from harness.reporting.rows.compared import REAL, EvaluationSet, Study
from harness.reporting.rows.labels import compares, degradation_label, metric_label
from harness.reporting.rows.run_records import Records

SHOWN = "images shown"
"""The fact that names the images' authors and licences."""


@dataclass(frozen=True)
class Fact:
    """One line of a description: what, and its value in words."""

    name: str
    text: str


def protocol(study: Study, records: Records, ways: Sequence[Shown] = ()) -> list[Fact]:
    """Describe the comparison. Without a finished run, only what the experiment itself says.

    Args:
        study: the comparison, as it was trained.
        records: of its runs.
        ways: how networks are run that draw random numbers at test time.
    """
    degraded = [item for item in study.sets if item.degradation != REAL]
    photographs = [item for item in study.sets if item.degradation == REAL]
    facts = [
        Fact("networks", ", ".join(study.networks)),
        *(Fact(way.name, _way(way)) for way in ways),
        Fact("methods", ", ".join(study.methods) + f"; differences refer to {study.baseline}"),
        Fact("references", ", ".join(study.references) or "none"),
        *(Fact(f"{model.name} (from outside)", model.describe()) for model in study.externals),
        Fact(
            "seeds", ", ".join(map(str, study.seeds)) + ": the same seed means the same crops, degradations and weights"
        ),
        Fact("scale", f"x{study.scale}" if study.scale > 1 else "1: restoration without upscaling"),
        Fact("test sets", ", ".join(dict.fromkeys(item.dataset for item in degraded))),
        Fact("degradations", ", ".join(degradation_label(name) for name in study.degradations if name != REAL)),
        Fact("metrics", ", ".join(_metric(name) for name in study.metrics)),
    ]
    if study.left_out:
        names = ", ".join(study.left_out)
        facts.append(Fact("left out", f"{names}: by --without, which belongs to every command here"))
    if photographs:
        facts.append(Fact("real photographs", ", ".join(map(_photographs, photographs))))
    facts += _licences(study)
    documents = list(records.documents.values())
    if documents:
        facts += _training(documents[0]["spec"])
        facts += _methods(records)
    return facts


def _way(way: Shown) -> str:
    what = "a single output" if way.count == 1 else f"the mean of {way.count} outputs, rounded to 8 bit afterwards"
    seeds = ", ".join(map(str, way.seeds))
    return f"draws random numbers at test time: {what}; values are means over their seeds {seeds}"


def _licences(study: Study) -> list[Fact]:
    """Return under which terms the test images are shown here, and whose they are."""
    catalogue = load_catalogue()
    names = dict.fromkeys(item.dataset for item in study.sets if item.dataset in catalogue)
    lines = [f"{name}: {catalogue[name].licence}" for name in names]
    return [Fact(SHOWN, "; ".join(lines))] if lines else []


def _metric(name: str) -> str:
    label = metric_label(name)
    return f"{label.title} ({'higher' if label.higher_is_better else 'lower'} is better)"


def _photographs(item: EvaluationSet) -> str:
    paired = any(compares(name) for name in item.metrics)
    return f"{item.dataset} ({'with' if paired else 'without'} ground truth)"


def _training(spec: dict[str, Any]) -> list[Fact]:
    training = spec["training"]
    get = training.get
    data = f"{get('data', '?')}; held-out batch from {get('heldout', 'none')}"
    loop = f"{get('iterations', '?')} iterations of {get('batch_size', '?')} degraded images"
    if "patch" in training:
        loop += f", crops of {get('crop')} pixels degraded, patches of {get('patch')} pixels trained on"
    rate = f"Adam, learning rate {get('learning_rate', '?')}, L1 loss"
    if "schedule" in training:
        rate += f", cosine schedule with periods {list(training['schedule']['periods'])} of the training"
    weights = f"{get('weights', 'ema')} weights of the last iteration (average with decay {get('ema', '?')})"
    target = "sharpened by an unsharp mask" if get("usm_target") else "as it is"
    facts = [
        Fact("training data", data),
        Fact("training", loop),
        Fact("optimization", rate),
        Fact("ground truth", target),
        Fact("evaluated", f"{weights}; whole images, batch 1, float32, rounded to 8 bit"),
    ]
    if "degradation" in training:
        facts.append(Fact("degradation in training", _degradation(training["degradation"])))
    return facts


def _degradation(spec: dict[str, Any]) -> str:
    if "noise" in spec:
        low, high = spec["sigma"]
        strength = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        return f"white Gaussian noise of standard deviation {strength}, clipped and rounded to 8 bit"
    released = SecondOrderSpec().model_dump(mode="json")
    if all(spec.get(stage) == released[stage] for stage in ("first", "second")):
        return "second order, in the ranges of Real-ESRGAN's release; all parameters are in the spec below"
    stages = "; then ".join(_stage(spec[stage]) for stage in ("first", "second"))
    return f"Real-ESRGAN's second-order pipeline in other ranges: {stages}; all parameters are in the spec below"


def _stage(stage: dict[str, Any]) -> str:
    blurred, gaussian = stage["blur_probability"], stage["gaussian_probability"]
    blur = f"blur of sigma {_span(stage['sigma'])} (p {blurred:g})" if blurred else "no blur"
    noise = f"Gaussian noise of {_span(stage['gaussian_sigma'])} levels"
    if gaussian < 1:
        noise += f" (p {gaussian:g}), else Poisson noise of scale {_span(stage['poisson_scale'])}"
    return f"{blur}, {noise}, JPEG {_span(stage['jpeg_quality'])}"


def _span(bounds: Sequence[float]) -> str:
    return f"{bounds[0]:g} to {bounds[1]:g}"


def _methods(records: Records) -> list[Fact]:
    facts: dict[tuple[str, str], Fact] = {}
    for (network, variant, _), document in records.documents.items():
        regularizer = document["spec"]["regularizer"]
        options = json.dumps(regularizer.get("options", {}), sort_keys=True).strip("{}").replace('"', "")
        facts.setdefault((network, variant), Fact(f"{variant} ({network})", options or "no options"))
    return list(facts.values())
