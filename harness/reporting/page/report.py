"""One self-contained HTML page per experiment."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from harness.experiment.citations import Citations
from harness.foundation.files import write_text
from harness.reporting.figures.captions import CAPTIONS
from harness.reporting.figures.crops import read_crops
from harness.reporting.page.ablation import Outcome, level_table
from harness.reporting.page.citing import cited
from harness.reporting.page.explorer import payload
from harness.reporting.page.overview import entry
from harness.reporting.page.pictures import SCHEDULE, Picture, figure_of, figures_of, picture
from harness.reporting.page.protocol import SHOWN, Fact, protocol
from harness.reporting.page.sections import Section
from harness.reporting.page.tuning import Tuned, chosen_table, comparison_table, trial_table
from harness.reporting.page.verdicts import verdicts
from harness.reporting.rows.cells import STATUSES
from harness.reporting.rows.compared import AVERAGE, Study
from harness.reporting.rows.metric_rows import blocks, load
from harness.reporting.rows.run_records import Records, key_of, load_records
from harness.reporting.statistics.comparison import comparisons, warnings
from harness.reporting.statistics.costs import costs
from harness.reporting.statistics.summary import summarize_blocks
from harness.reporting.tables import render
from harness.reporting.tables.cost import cost_table
from harness.reporting.tables.equal_cost import equal_cost_table
from harness.reporting.tables.formats import PlainTable
from harness.reporting.tables.passes import passes_table
from harness.reporting.tables.published import load_published, published_table
from harness.reporting.tables.write import failures
from harness.reporting.templates import render_template


@dataclass(frozen=True)
class Ablation:
    """An ablation study in the page: a heading, what it asks, its table, and its figure if it was drawn."""

    title: str
    question: str
    table: Markup
    picture: Picture | None


@dataclass(frozen=True)
class Tuning:
    """Tuning in the page: default and chosen options side by side, what was chosen, all trials, and the figure."""

    sides: Markup
    chosen: Markup
    trials: Markup
    picture: Picture | None


def write_report(
    metrics: str | Path,
    study: Study,
    runs: str | Path,
    figures: str | Path,
    target: str | Path,
    ablations: Iterable[tuple[Outcome, Path]] = (),
    tuning: tuple[Tuned, Path] | None = None,
    sections: Iterable[Section] = (),
    citations: Citations | None = None,
) -> Path:
    """Write the report of an experiment: one HTML file that needs nothing else and loads nothing.

    Args:
        metrics: the aggregated metrics file.
        study: the experiment.
        runs: the folder of all run folders.
        figures: the folder with the PNG figures; one that is absent is left out.
        target: the file to write.
        ablations: the studies that have results, each with the folder of its figure.
        tuning: how options were chosen, with the folder of its figure.
        sections: what other modules add.
        citations: what to cite.
    """
    frame, folder = load(metrics), Path(target).parent
    records = load_records(study, runs)
    trained = study.trainings
    trainings = records if trained is study else load_records(trained, runs)
    laid_out = blocks(frame, study)
    summary = summarize_blocks(laid_out, study)
    equal_cost = equal_cost_table(laid_out, summary, study, records)
    crops = read_crops(Path(figures))
    facts = protocol(trained, trainings, study.ways)
    licences = next((fact.text for fact in facts if fact.name == SHOWN), "")
    main, *others = _comparisons(summary, study, real=False)
    published = published_table(summary, load_published(), study)
    text = render_template(
        "report.html.j2",
        study=study,
        told=entry(_main_rows(summary, study), study),
        trained=trained,
        protocol=facts,
        warnings=warnings(_main_rows(summary, study), study),
        verdicts=verdicts(summary, study),
        main=main,
        others=others,
        photographs=_comparisons(summary, study, real=True),
        pictures=figures_of(study, Path(figures), folder),
        schedule=figure_of(Path(figures), SCHEDULE, folder) if study.annealed else None,
        data=payload(laid_out, summary, study, crops, licences),
        crops=crops is not None,
        ablations=[_ablation(found, place, folder) for found, place in ablations],
        tuning=_tuning(*tuning, folder) if tuning else None,
        sections=list(sections),
        test_time=Markup(passes_table(frame, study).html()) if study.ways else None,
        training=Markup(_training(trained, trainings).html()),
        equal_cost=Markup(equal_cost.html()) if equal_cost.rows else None,
        cost=Markup(cost_table(costs(trained, trainings), trained).html()),
        published=Markup(published.html()) if published.rows else None,
        failures=Markup(failures(frame).html()) if (frame["status"] != STATUSES[0]).any() else None,
        waiting=[run.name for run in trained.runs if key_of(run) not in trainings.documents],
        provenance=_provenance(trainings),
        hashes=Markup(_hashes(trained, trainings).html()),
        commands=_commands(trained, trainings),
        specs=_specs(trained, trainings),
        cited=cited(citations) if citations else None,
    )
    write_text(target, text)
    return Path(target)


def _tuning(found: Tuned, folder: Path, report: Path) -> Tuning:
    sides, chosen, trials = (Markup(table(found).html()) for table in (comparison_table, chosen_table, trial_table))
    return Tuning(sides, chosen, trials, picture(folder / "search.png", "search", CAPTIONS["search"], report))


def _comparisons(summary: pd.DataFrame, study: Study, *, real: bool) -> list[tuple[str, Markup]]:
    found = [table for metric in study.metrics for table in comparisons(summary, study, metric, real=real)]
    shown = [(table.heading, Markup(render.html_table(table))) for table in found]
    return shown if shown or real else [("Results", Markup("<p>No values yet.</p>"))]


def _main_rows(summary: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return the rows of the main table: the first metric, averaged over data sets if there are several."""
    rows = summary[summary["metric"] == study.metrics[0]]
    return rows[rows["scope"] == (AVERAGE if (rows["scope"] == AVERAGE).any() else rows["scope"].iloc[0])]


def _ablation(found: Outcome, folder: Path, report: Path) -> Ablation:
    file = found.ablation.file
    name, caption = f"ablation-{found.ablation.name}", f"{file.title}. {CAPTIONS['ablation']}"
    shown = picture(folder / "figure.png", name, caption, report)
    return Ablation(file.title, file.question, Markup(level_table(found).html()), shown)


def _training(study: Study, records: Records) -> PlainTable:
    rows = []
    for run in study.runs:
        document = records.documents.get(key_of(run))
        first, last = (document or {}).get("heldout_l1_initial"), (document or {}).get("heldout_l1_final")
        if document is None or first is None or last is None:
            rows.append((run.name, "not trained yet", "", ""))
        else:
            rows.append((run.name, f"{first:.5f}", f"{last:.5f}", f"{last / first:.2f}" if first else ""))
    caption = (
        "L1 loss on a fixed held-out batch of degraded pairs of the training distribution (images in [0, 1]), with the "
        "initial weights and at the end. It must fall; how far says nothing about generalization."
    )
    header = ("run", "initial", "final", "final / initial")
    return PlainTable("heldout", caption, header, tuple(rows), frozenset({1, 2, 3}))


def _provenance(records: Records) -> list[Fact]:
    documents = list(records.documents.values())

    def distinct(values: list[str]) -> str:
        return "; ".join(sorted(set(values))) or "nothing trained yet"

    versions = [", ".join(f"{k} {v}" for k, v in sorted(doc.get("versions", {}).items())) for doc in documents]
    hardware = [", ".join(f"{k}: {v}" for k, v in sorted(doc.get("hardware", {}).items())) for doc in documents]
    return [
        Fact("versions", distinct(versions)),
        Fact("hardware", distinct(hardware)),
        Fact("git commit", distinct([str(doc.get("git_commit")) for doc in documents])),
        Fact("training data (SHA-256)", distinct([str(doc.get("data_sha256")) for doc in documents])),
    ]


def _hashes(study: Study, records: Records) -> PlainTable:
    rows = [
        (run.name, str(records.documents[key_of(run)].get("spec_hash", "")))
        for run in study.runs
        if key_of(run) in records.documents
    ]
    caption = (
        "Spec hash of every run: SHA-256 of its complete description (network, regularizer, data, schedule, seed)."
    )
    return PlainTable("hashes", caption, ("run", "spec hash"), tuple(rows))


def _commands(study: Study, records: Records) -> list[tuple[str, str]]:
    file = shlex.quote(study.experiment or f"configs/experiments/{study.name}.yaml")
    call = "python -m harness"
    commands = [("everything, in order", f"snakemake --configfile {file} --cores all")]
    trained = [document["spec"]["training"] for document in records.documents.values()]
    packed = dict.fromkeys(str(spec[key]) for key in ("data", "heldout") for spec in trained if spec.get(key))
    commands += [(f"training images of {name}", f"{call} pack {file} {shlex.quote(name)}") for name in packed]
    commands += [(f"images of {name}", f"{call} benchmark {file} {shlex.quote(name)}") for name in study.datasets]
    controls = dict.fromkeys(study.control(name, own).call for name in study.references for own in study.networks)
    commands += [(f"cells of {name}", f"{call} evaluate {file} --reference {name}") for name in controls]
    commands += [(f"cells of {m.name}", f"{call} evaluate {file} --external {m.name}") for m in study.externals]
    for run in study.runs:
        shown = f"{run.network}, {run.variant}, seed {run.seed}"
        commands.append((f"training of {shown}", f"{call} train {file} --run {run.name}"))
        commands.append((f"cells of {shown}", f"{call} evaluate {file} --run {run.name}"))
    return [*commands, ("tables of what is there", f"{call} aggregate {file} --partial && {call} tables {file}")]


def _specs(study: Study, records: Records) -> list[tuple[str, str]]:
    """Return the complete spec of the first finished run of each network and method, as JSON text."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for run in study.runs:
        document = records.documents.get(key_of(run))
        if document is not None and (run.network, run.variant) not in found:
            found[(run.network, run.variant)] = (run.name, json.dumps(document["spec"], indent=2, sort_keys=True))
    return list(found.values())
