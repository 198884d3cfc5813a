"""The command ``evaluate``: a trained run, a reference or a model of an experiment, or any weight file."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.commands.arguments import OptionalExperimentFile, Without
from harness.commands.gpu import leased
from harness.datasets import resolve
from harness.degradations.fixed import SCALE, STANDARD
from harness.evaluation.external_entry import ExternalEntry, ExternalModel, resolve_external
from harness.evaluation.retries import note_unreadable
from harness.experiment import Experiment, load_experiment
from harness.experiment.ablations import find_run
from harness.experiment.catalogues import Catalogues
from harness.experiment.selection import Selection
from harness.foundation import layout, timings
from harness.foundation.devices import lease, no_gpu_message, visible_gpus
from harness.foundation.errors import HarnessError
from harness.foundation.names import LONGEST, NAME, check_name
from harness.foundation.writable import check_file
from harness.foundation.yamlfile import parse_yaml, validate
from harness.spec import EvaluationSpec


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(evaluate)


def evaluate(
    experiment: OptionalExperimentFile = None,
    run: Annotated[str | None, typer.Option(help="A trained run of the experiment.")] = None,
    iteration: Annotated[
        int | None, typer.Option(min=1, help="With --run: of weights kept on the way, for `selection:`.")
    ] = None,
    reference: Annotated[str | None, typer.Option(help="A control row: bicubic, untrained.NETWORK.")] = None,
    external: Annotated[str | None, typer.Option(help="A model that the experiment names under external:.")] = None,
    systematic: Annotated[
        str | None, typer.Option(help="On this set of evaluation.systematic, not the others.")
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="Any weight file: .safetensors, .pth, .pt, .ckpt.")] = None,
    network: Annotated[str | None, typer.Option(help="A name in networks.yaml, module:Class, or spandrel.")] = None,
    arguments: Annotated[str | None, typer.Option(help="Of module:Class, as YAML: '{num_feat: 64}'.")] = None,
    key: Annotated[str | None, typer.Option(help="Which weights of the file: params or params_ema.")] = None,
    python_path: Annotated[str | None, typer.Option(help="Folder that module:Class is imported from.")] = None,
    name: Annotated[str | None, typer.Option(help="What the rows call it; by default the file's name.")] = None,
    datasets: Annotated[str | None, typer.Option(help="Separated by commas: Set5,Set14.")] = None,
    degradations: Annotated[str | None, typer.Option(help="By default the eight of the papers.")] = None,
    metrics: Annotated[str | None, typer.Option(help="By default psnr_rgb.")] = None,
    scale: Annotated[int | None, typer.Option(min=1, help="By default 4.")] = None,
    data_root: Annotated[Path | None, typer.Option(help="By default data; HARNESS_DATA overrides it.")] = None,
    weights_root: Annotated[Path | None, typer.Option(help="Of metrics; HARNESS_WEIGHTS overrides it.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; by default the experiment's, or cpu.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="By default the experiment's, or 1.")] = None,
    generate: Annotated[bool, typer.Option("--generate", help="Make degraded sets that are not there yet.")] = False,
    output: Annotated[Path | None, typer.Option(help="Keep all rows: a .parquet or .csv file.")] = None,
    without: Without = None,
    attempt: Annotated[int | None, typer.Option(min=0, hidden=True, help="Given by the workflow.")] = None,
) -> None:
    """Measure a trained run, a reference or a model of an experiment; or any weight file.

    With --run, --reference or --external the rows become the experiment's. With --weights a table of means is printed:
    of the experiment's sets if one is named, else of --datasets.
    """
    options = {option: value for option, value in locals().items() if value not in (None, False)}
    chosen = [option for option in ("run", "reference", "external", "weights") if option in options]
    if len(chosen) != 1:
        raise HarnessError("evaluate: give one of --run, --reference, --external and --weights")
    if weights is not None:
        _evaluate_file(options)
        return
    allowed = ("experiment", "attempt", "without", "systematic", *chosen, *["iteration"] * (run is not None))
    surplus = [_option(option) for option in options if option not in allowed]
    if surplus or experiment is None:
        problem = "name the experiment"
        if surplus:
            problem = f"{surplus[0]}: goes with {'--run' if surplus[0] == '--iteration' else '--weights'} only"
        raise HarnessError(f"evaluate {_option(chosen[0])}: {problem}")
    loaded = load_experiment(experiment)
    if run is not None and iteration is not None:
        _evaluate_kept(loaded, run, iteration)
        return
    part = None if systematic is None else loaded.systematic_set(systematic)
    spec, key = (loaded.evaluation, loaded.evaluation.hash) if part is None else (part.evaluation, part.key)
    _evaluate_own(loaded, spec, key, run, reference, external, attempt)


def _evaluate_own(
    loaded: Experiment,
    spec: EvaluationSpec,
    key: str,
    run: str | None,
    reference: str | None,
    external: str | None,
    attempt: int | None,
) -> None:
    """Measure one method of an experiment on the sets of ``spec``, and write the rows where reporting looks for them.

    ``key`` names the files, see :func:`harness.foundation.layout.evaluation_stem`.
    """
    weights_root = loaded.file.weights_root
    benchmarks, device, threads = layout.benchmarks(spec.scale), loaded.training.device, loaded.training.threads
    with leased(loaded, wanted=not reference):
        began = time.perf_counter()
        from harness.evaluation.evaluate import (
            UNREADABLE,
            Method,
            evaluate_checkpoint,
            evaluate_reference,
            write_metrics,
        )
        from harness.evaluation.external import evaluate_external
        from harness.evaluation.trained import load_network, untrained_network

        if reference is not None:
            control = loaded.reference(reference)
            place = control.identifier
            if control.spec is None:
                rows = evaluate_reference(control.name, spec.sets, benchmarks, spec.scale, weights_root)
            else:
                method = Method(control.network, control.name, "reference")
                network = untrained_network(control.spec, threads, loaded.evaluates_channels_last(control.network))
                rows = evaluate_checkpoint(
                    network,
                    method,
                    spec.sets,
                    benchmarks,
                    spec.scale,
                    "cpu",
                    weights_root,
                    passes=spec.test_time.get(control.network),
                )
        elif external is not None:
            model = loaded.external(external)
            place = model.identifier
            rows = evaluate_external(model, spec.sets, benchmarks, spec.scale, device, weights_root, threads)
        else:
            chosen = find_run(loaded, str(run))
            place = chosen.name
            weights = layout.run(place) / "weights.safetensors"
            network = load_network(chosen.spec, weights, threads, loaded.evaluates_channels_last(chosen.network))
            method = Method(chosen.network, chosen.stem, chosen.regularizer, chosen.seed)
            passes = spec.test_time.get(chosen.network)
            rows = evaluate_checkpoint(
                network, method, spec.sets, benchmarks, spec.scale, device, weights_root, passes=passes
            )
        # First, so that an end between the two leaves an older metrics file, which Snakemake then makes again.
        note_unreadable(place, key, rows.attrs[UNREADABLE], attempt)
        write_metrics(rows, layout.metrics(place, key), sealed=True)
        timings.note(place, key, time.perf_counter() - began, len(rows))


def _evaluate_kept(loaded: Experiment, run: str, iteration: int) -> None:
    """Measure weights that a run kept on its way, as the section ``selection:`` asks."""
    selection = Selection(loaded)
    known = {one.iteration: one for one in selection.of(loaded.run(run))}
    if iteration not in known:
        some = ", ".join(map(str, known))
        raise HarnessError(f"evaluate --iteration {iteration}: not among the weights that this run keeps: {some}")
    one, spec, training = known[iteration], selection.evaluation, loaded.training
    with leased(loaded):
        from harness.evaluation.evaluate import UNREADABLE, Method, evaluate_checkpoint, write_metrics
        from harness.evaluation.trained import load_network

        layout_of_memory = loaded.evaluates_channels_last(one.run.network)
        network = load_network(one.run.spec, one.weights, training.threads, layout_of_memory)
        method = Method(one.run.network, one.run.stem, one.run.regularizer, one.run.seed)
        benchmarks, weights_root = layout.benchmarks(spec.scale), loaded.file.weights_root
        rows = evaluate_checkpoint(network, method, spec.sets, benchmarks, spec.scale, training.device, weights_root)
        if unreadable := sorted(rows.attrs[UNREADABLE]):
            raise HarnessError(f"{unreadable[0]}: cannot be read; {layout.remedy(Path(unreadable[0]))}")
        write_metrics(rows, one.rows, sealed=True)
    print(f"{one.rows}: {len(rows)} rows")


@dataclass(frozen=True)
class _Setting:
    """Where and on what a weight file is measured."""

    spec: EvaluationSpec
    catalogues: Catalogues
    data_root: Path
    weights_root: str
    device: str
    threads: int
    runs_per_gpu: int


def _evaluate_file(options: Mapping[str, Any]) -> None:
    """Measure a weight file, print its means above those of a control, and write its rows if an output is named."""
    from harness.experiment.direct_evaluation import prepare

    setting = _setting(options)
    model = _model(options, setting.catalogues)
    output = options.get("output")
    if output is not None and output.suffix not in (".parquet", ".csv"):
        raise HarnessError(f"evaluate --output {output}: unknown format {output.suffix!r}; use .parquet or .csv")
    if output is not None:
        check_file(output)
    if problem := model.problem():
        raise HarnessError(problem)
    for line in prepare(setting.spec, setting.data_root, make="generate" in options):
        print(line)
    spec = setting.spec
    if setting.device == "cuda" and not visible_gpus():
        if "device" not in options:
            raise HarnessError(no_gpu_message(str(options["experiment"])))
        raise HarnessError(
            "evaluate --device: 'cuda', but no CUDA GPU is visible; run on a machine with one, check nvidia-smi and "
            "CUDA_VISIBLE_DEVICES, or give --device cpu"
        )
    with lease(1 if setting.device == "cuda" else 0, setting.runs_per_gpu):
        from harness.evaluation.evaluate import evaluate_reference, write_metrics
        from harness.evaluation.external import evaluate_external
        from harness.evaluation.passes import shown
        from harness.reporting.tables.terminal import means_table

        folder = layout.benchmarks(spec.scale)
        rows = evaluate_external(
            model, spec.sets, folder, spec.scale, setting.device, setting.weights_root, setting.threads
        )
        if output is not None:
            write_metrics(rows, output)
        control = "bicubic" if spec.scale > 1 else "input"
        controls = evaluate_reference(control, spec.sets, folder, spec.scale, setting.weights_root)
    print(f"{model.name}: {model.describe()}")
    tables = {model.name: rows}
    if model.passes:
        names = [way.name for way in shown(model.network, model.passes)]
        tables = {f"{model.name} on {name}": rows[rows["network"] == name] for name in names}
    tables[f"{control}, the control: nothing is learned"] = controls
    for title, own in tables.items():
        print("\n" + means_table(own, title).markdown(), end="")
    if not (rows["status"] == "ok").any():
        raise HarnessError(f"evaluate --weights {options['weights']}: nothing could be measured; the log says why")


def _setting(options: Mapping[str, Any]) -> _Setting:
    named = [name for name in ("datasets", "degradations", "metrics", "scale", "data_root") if name in options]
    device = options.get("device")
    if device not in (None, "cpu", "cuda"):
        raise HarnessError(f"evaluate --device: {device!r}: unknown; allowed: cpu, cuda")
    if "experiment" in options:
        if named:
            raise HarnessError(f"evaluate {_option(named[0])}: {options['experiment']} says it; leave out one of them")
        loaded = load_experiment(options["experiment"])
        part = options.get("systematic")
        return _Setting(
            spec=loaded.evaluation if part is None else loaded.systematic_set(part).evaluation,
            catalogues=loaded.catalogues,
            data_root=loaded.data_root,
            weights_root=str(options.get("weights_root", loaded.file.weights_root)),
            device=device or loaded.training.device,
            threads=options.get("threads", loaded.training.threads),
            runs_per_gpu=loaded.file.runs_per_gpu,
        )
    if "systematic" in options:
        raise HarnessError("evaluate --systematic: names a set of an experiment; name the experiment, too")
    if "datasets" not in options:
        raise HarnessError("evaluate --weights: name an experiment, or the sets to measure: --datasets Set5,Set14")
    from harness.experiment.direct_evaluation import adhoc_evaluation

    catalogues = Catalogues.load()
    datasets, degradations, metrics = (_names(options, name, default) for name, default in _DEFAULTS.items())
    scale = options.get("scale", SCALE)
    return _Setting(
        spec=adhoc_evaluation(datasets, degradations, metrics, scale, catalogues),
        catalogues=catalogues,
        data_root=resolve.data_root(options.get("data_root", "data")),
        weights_root=str(options.get("weights_root", "weights")),
        device=device or "cpu",
        threads=options.get("threads", 1),
        runs_per_gpu=1,
    )


_DEFAULTS: dict[str, tuple[str, ...]] = {"datasets": (), "degradations": STANDARD, "metrics": ("psnr_rgb",)}


def _model(options: Mapping[str, Any], catalogues: Catalogues) -> ExternalModel:
    weights = options["weights"]
    stem = "".join(c if NAME.fullmatch(f"a{c}") else "_" for c in weights.stem)
    name = check_name(options.get("name", stem.lstrip("_-")[:LONGEST] or "model"), "model", "evaluate --name")
    if "network" not in options:
        known = ", ".join(catalogues.networks)
        raise HarnessError(f"evaluate --weights: give its --network: one of {known}, an import path, or spandrel")
    content = {"weights": str(weights), "network": options["network"], "key": options.get("key")}
    if "arguments" in options:
        content["arguments"] = parse_yaml(options["arguments"], "evaluate --arguments")
    if "python_path" in options:
        content["python_path"] = options["python_path"]
    entry = validate(content, ExternalEntry, "evaluate")
    try:
        return resolve_external(name, entry, catalogues.networks, Path())
    except HarnessError as error:
        raise HarnessError(f"evaluate: {error}") from error


def _names(options: Mapping[str, Any], name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    text = options.get(name)
    return default if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
