"""Draw all figures of an experiment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.foundation.images import Pixels
from harness.foundation.yamlfile import validate
from harness.reporting.figures import gallery as crops
from harness.reporting.figures.cost import quality_against_cost
from harness.reporting.figures.curves import annealing, training_curves
from harness.reporting.figures.estimates import forest, rank_bars
from harness.reporting.figures.gains import gain_bars, gain_heatmap
from harness.reporting.rows.compared import Study
from harness.reporting.rows.metric_rows import Block, blocks, load
from harness.reporting.rows.run_records import Records, load_records
from harness.reporting.statistics.costs import costs
from harness.reporting.statistics.summary import rank_table, summarize_blocks
from harness.spec import RunSpec

MOMENTS = 1000
"""Points in time at which the annealing schedule is drawn."""


def write_figures(
    metrics: str | Path, study: Study, runs: str | Path, benchmarks: str | Path, folder: str | Path
) -> list[Path]:
    """Write all figures (PDF and PNG) below ``folder`` and return their paths, sorted.

    Args:
        metrics: the aggregated metrics file.
        study: what to show; figures show its first metric.
        runs: the folder of all run folders.
        benchmarks: the folder of all benchmark images, for the gallery.
        folder: where to write.
    """
    folder = Path(folder)
    frame = load(metrics)
    records = load_records(study, runs)
    laid_out = blocks(frame, study)
    summary = summarize_blocks(laid_out, study)
    metric = study.metrics[0]
    paths = gain_bars(summary, study, metric, folder)
    paths += gain_heatmap(summary, study, metric, folder)
    paths += forest(summary, study, metric, folder)
    paths += rank_bars(rank_table(laid_out, study), study, metric, folder)
    trained = study.trainings
    trainings = records if trained is study else load_records(trained, runs)
    paths += training_curves(trainings.histories, trained, folder)
    paths += quality_against_cost(summary, costs(study, records), study, metric, folder)
    if study.annealed:
        weights, iterations = schedules(trained, trainings)
        paths += annealing(weights, iterations, folder)
    paths += write_gallery(laid_out, study, records, Path(benchmarks), folder)
    return sorted(paths)


def schedules(study: Study, records: Records) -> tuple[dict[str, npt.NDArray[np.float64]], int]:
    """Return the weight of every site over time for each annealed variant, and the number of iterations.

    A title maps to an array (sites, MOMENTS): k at equally spaced moments from the first iteration to the last; it has
    no sites if no run is finished.
    """
    from harness.networks.build import build_network
    from harness.networks.taps import Taps
    from harness.regularizers.adaptive_dropout import AdaptiveDropoutOptions
    from harness.regularizers.adaptive_dropout import annealing as turns_of

    found: dict[str, npt.NDArray[np.float64]] = {}
    iterations = 1
    for (network, variant, seed), document in records.documents.items():
        title = (variant if len(study.networks) == 1 else f"{network}: {variant}").replace("_", " ")
        regularizer = document["spec"]["regularizer"]
        if variant not in study.annealed or title in found or regularizer["regularizer"] != "adaptive_dropout":
            continue
        spec = validate(document["spec"], RunSpec, "run.json", "spec")
        options = AdaptiveDropoutOptions(**regularizer["options"])
        taps = Taps(build_network(spec.network, spec.seed), spec.network.taps)
        roles = {"all": ("blocks", "last"), "blocks": ("blocks",), "last": ("last",)}[options.sites]
        turns = turns_of(options, sum(len(taps.points(role)) for role in roles), seed)
        moments = np.arange(MOMENTS) / MOMENTS
        found[title] = np.array(
            [np.where(moments >= (2.0 if turn is None else float(turn)), 1.0, options.initial_weight) for turn in turns]
        )
        iterations = spec.training.iterations
    for run in study.runs:
        name = run.variant if len(study.networks) == 1 else f"{run.network}: {run.variant}"
        if run.variant in study.annealed:
            found.setdefault(name.replace("_", " "), np.empty((0, MOMENTS)))
    return found, iterations


def write_gallery(
    laid_out: Sequence[Block], study: Study, records: Records, benchmarks: Path, folder: Path
) -> list[Path]:
    """Draw the gallery: the chosen images, upscaled anew by the trained networks on the CPU."""
    strips = []
    for case in crops.choose_cases(laid_out, study, study.metrics[0]):
        truth, degraded = (_image(benchmarks, case, name) for name in ("hr", case.degradation))
        upscale = upscalers(case, study, records)
        strips.append(crops.make_strip(case, truth, degraded, upscale, study.scale))
    return crops.draw_gallery(strips, study.metrics[0], folder)


def _image(benchmarks: Path, case: crops.Case, folder: str) -> Pixels:
    """Return the image of a case from one folder of its dataset, if its pixels are those of the manifest."""
    from harness.datasets.benchmark import read_benchmark
    from harness.evaluation.sets import Unreadable, load_verified

    entries = {image.name: image for image in read_benchmark(benchmarks, case.dataset, folder)}
    pixels = load_verified(entries, case.image, benchmarks / case.dataset / folder)
    if isinstance(pixels, Unreadable):
        raise pixels
    return pixels


def upscalers(case: crops.Case, study: Study, records: Records) -> Mapping[str, Callable[[Pixels], Pixels] | None]:
    """Return each method's function of a whole image, None for what has no weights.

    Raises:
        HarnessError: weights are there, but damaged or of another run.
    """
    from harness.evaluation.external import load_external
    from harness.evaluation.trained import control_upscaler, load_network
    from harness.evaluation.upscalers import NetworkUpscaler, Upscaler, exact_float32

    def apply(upscaler: Upscaler) -> Callable[[Pixels], Pixels]:
        def run(pixels: Pixels) -> Pixels:
            with exact_float32():
                return np.asarray(upscaler(pixels)[0].cpu().numpy(), np.uint8)

        return run

    found: dict[str, Callable[[Pixels], Pixels] | None] = {}
    passes = study.passes(case.network)
    for method in study.methods_of(case.network):
        key = (case.network, method, case.seed)
        if method in study.references:
            found[method] = apply(control_upscaler(study.control(method, case.network), study.scale, passes))
            continue
        found[method] = None
        if model := study.external(method):
            if model.weights.is_file():
                own = passes if model.passes else None
                found[method] = apply(NetworkUpscaler(load_external(model, study.scale), study.scale, "cpu", own))
        elif key in records.folders and (weights := records.folders[key] / "weights.safetensors").is_file():
            spec = validate(records.documents[key]["spec"], RunSpec, str(weights.with_name("run.json")), "spec")
            found[method] = apply(NetworkUpscaler(load_network(spec, weights), study.scale, "cpu", passes))
    return found
