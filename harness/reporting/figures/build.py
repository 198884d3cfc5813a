"""Draw all figures of an experiment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.foundation.images import Pixels
from harness.foundation.yamlfile import validate
from harness.reporting.figures import gallery
from harness.reporting.figures.cost import quality_against_cost
from harness.reporting.figures.crops import more_cases, strips_within, weights_of, write_crops
from harness.reporting.figures.curves import annealing, training_curves
from harness.reporting.figures.data import differences, histories, write_data
from harness.reporting.figures.estimates import forest, rank_bars
from harness.reporting.figures.gains import gain_heatmap, gain_points
from harness.reporting.figures.sweeps import sweep_curves
from harness.reporting.figures.systematic import systematic_curves
from harness.reporting.files import figure_names
from harness.reporting.rows.compared import Study
from harness.reporting.rows.metric_rows import blocks, load
from harness.reporting.rows.run_records import Records, load_records
from harness.reporting.statistics.costs import costs
from harness.reporting.statistics.summary import rank_table, summarize_blocks
from harness.reporting.statistics.sweeps import sweep_summary
from harness.spec import RunSpec

MOMENTS = 1000
"""Points in time at which the annealing schedule is drawn."""


def write_figures(
    metrics: str | Path, study: Study, runs: str | Path, benchmarks: str | Path, folder: str | Path
) -> list[Path]:
    """Write all figures (PDF, PNG, and their data as CSV) below ``folder`` and return their paths, sorted.

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
    ranks, spent = rank_table(laid_out, study), costs(study, records)
    data = differences(summary, metric)
    paths = gain_points(summary, study, metric, folder)
    if "heatmap" in figure_names(study):
        paths += gain_heatmap(summary, study, metric, folder)
    paths += forest(summary, study, metric, folder)
    paths += rank_bars(ranks, study, metric, folder, summary=summary)
    trained = study.trainings
    trainings = records if trained is study else load_records(trained, runs)
    paths += training_curves(trainings.histories, trained, folder)
    paths += quality_against_cost(summary, spent, study, metric, folder)
    if study.annealed:
        weights, iterations = schedules(trained, trainings)
        paths += annealing(weights, iterations, folder)
        data["annealing"] = _moments(weights)
    cases = gallery.choose_cases(laid_out, study, metric)
    paths += write_gallery(cases, more_cases(laid_out, study, cases, records), study, records, Path(benchmarks), folder)
    data |= {"ranks": ranks, "cost": spent, "curves": histories(trainings.histories), "gallery": _scores(cases)}
    paths += write_data({name: data[name] for name in figure_names(study)}, folder)
    if study.swept:
        paths += sweep_curves(sweep_summary(frame, study), study, folder)
    paths += systematic_curves(frame, study, folder)
    return sorted(paths)


def _moments(weights: Mapping[str, npt.NDArray[np.float64]]) -> pd.DataFrame:
    """Return the weight of every site at every moment, a row for each change."""
    rows = [
        (title, site + 1, moment / MOMENTS, float(values[moment]))
        for title, table in weights.items()
        for site, values in enumerate(table)
        for moment in np.flatnonzero(np.diff(values, prepend=np.nan) != 0)
    ]
    return pd.DataFrame(rows, columns=["variant", "site", "share of the training", "weight"])


def _scores(cases: Sequence[gallery.Case]) -> pd.DataFrame:
    """Return what is known of the cases of the gallery: a row per method."""
    rows = [
        (case.network, case.dataset, case.degradation, case.image, case.reason, case.gain, method, score)
        for case in cases
        for method, score in case.scores.items()
    ]
    return pd.DataFrame(
        rows, columns=["network", "dataset", "degradation", "image", "reason", "gain", "method", "mean"]
    )


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
    cases: Sequence[gallery.Case],
    more: Iterator[gallery.Case],
    study: Study,
    records: Records,
    benchmarks: Path,
    folder: Path,
) -> list[Path]:
    """Draw the gallery and write crops of more cases for the page: images upscaled anew by the networks on the CPU."""
    loaded: dict[tuple[str, int], Mapping[str, Callable[[Pixels], Pixels] | None]] = {}

    def make(case: gallery.Case) -> gallery.Strip:
        key = (case.network, case.seed)
        if key not in loaded:
            loaded.clear()  # the networks of one block at a time
            loaded[key] = upscalers(case, study, records)
        truth, degraded = (_image(benchmarks, case, name) for name in ("hr", case.degradation))
        return gallery.make_strip(case, truth, degraded, loaded[key], study.scale)

    def work(case: gallery.Case) -> float:
        truth = _image(benchmarks, case, "hr")
        pixels = truth.shape[0] * truth.shape[1] / study.scale**2
        return pixels * weights_of(case.network, study, records, case.seed)

    strips = [make(case) for case in cases]
    paths = gallery.draw_gallery(strips, study.metrics[0], folder)
    return [*paths, write_crops(strips, study, folder, strips_within(more, work, make))]


def _image(benchmarks: Path, case: gallery.Case, folder: str) -> Pixels:
    """Return the image of a case from one folder of its dataset, if its pixels are those of the manifest."""
    from harness.datasets.benchmark import read_benchmark
    from harness.evaluation.sets import Unreadable, load_verified

    entries = {image.name: image for image in read_benchmark(benchmarks, case.dataset, folder)}
    pixels = load_verified(entries, case.image, benchmarks / case.dataset / folder)
    if isinstance(pixels, Unreadable):
        raise pixels
    return pixels


def upscalers(case: gallery.Case, study: Study, records: Records) -> Mapping[str, Callable[[Pixels], Pixels] | None]:
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
