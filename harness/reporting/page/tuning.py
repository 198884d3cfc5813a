"""What tuning gave: default and chosen options side by side, all trials, and what fewer would have given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from harness.experiment import Experiment, Run
from harness.experiment.tuning import Chosen, Tuning
from harness.foundation.files import write_text
from harness.reporting.figures.tuning import search_figure
from harness.reporting.rows.compared import AVERAGE, Study
from harness.reporting.rows.labels import MetricLabel, metric_label
from harness.reporting.rows.metric_rows import load
from harness.reporting.rows.trials import CHOSEN, Ended, default_study, ended, gain_study, tuned_study
from harness.reporting.statistics.comparison import Cell, Comparison, cell_of, comparison
from harness.reporting.statistics.paired import LEVEL
from harness.reporting.statistics.summary import summarize
from harness.reporting.statistics.trials import best_of, counted
from harness.reporting.tables import latex, render
from harness.reporting.tables.formats import PlainTable, markdown_escape
from harness.reporting.tables.write import numbers
from harness.reporting.templates import page

THOUSAND = 1000
"""Losses of images in [0, 1] are shown in thousandths."""

Summaries = Mapping[str, tuple[Study, pd.DataFrame]]
"""``default``, ``tuned``, or a variant for its gain, to a study and the rows of its summary."""


@dataclass(frozen=True)
class Tuned:
    """An experiment's tuning with its numbers.

    Attributes:
        experiment, tuning: what was tuned, and how.
        ended: the trials that have ended.
        chosen: what was chosen, None before that.
        runs: the runs with chosen options.
        summaries: of the default options, of the chosen ones, and of each variant's gain; empty before the choice.
    """

    experiment: Experiment
    tuning: Tuning
    ended: tuple[Ended, ...]
    chosen: Chosen | None
    runs: tuple[Run, ...]
    summaries: Summaries

    @property
    def study(self) -> Study:
        """The variants with their default options."""
        return default_study(self.experiment)


def tuned(experiment: Experiment, tuning: Tuning, metrics: Path, runs: Path, *, partial: bool = False) -> Tuned:
    """Compute everything about an experiment's tuning.

    Args:
        experiment: the experiment.
        tuning: its own.
        metrics: the rows of default and chosen options, which need not be there before the choice.
        runs: the folder of all run folders.
        partial: leave out trials that have not ended; otherwise that is an error.

    Raises:
        HarnessError: a trial's record is missing, or a file cannot be read.
    """
    chosen = tuning.chosen()
    final = tuning.final_runs(chosen) if chosen else ()
    summaries: dict[str, tuple[Study, pd.DataFrame]] = {}
    if chosen and metrics.is_file():
        frame = load(metrics)
        studies = {"default": default_study(experiment), "tuned": tuned_study(experiment, final)}
        studies |= {_gain_of(name): gain_study(experiment, final, name) for name in experiment.file.variants}
        summaries = {name: (study, summarize(frame, study)) for name, study in studies.items()}
    done = tuple(ended(tuning.trials, runs, partial=partial))
    return Tuned(experiment, tuning, done, chosen, final, summaries)


def write_tuned(found: Tuned, folder: Path) -> list[Path]:
    """Write ``comparison.*``, ``trials.*`` and the figure ``search.*``; the same input, the same bytes.

    ``comparison.csv`` holds every number: the rows of each summary, with what it compares in the column ``options``.
    """
    title = f"{found.experiment.name}: tuning"
    tables, trials = (comparison_table(found), chosen_table(found)), trial_table(found)
    details = list(_details(found))
    name = found.experiment.name
    marked = [render.latex(one, latex.label(name, "tuning", str(i))) for i, one in enumerate(details)]
    texts = {
        "comparison.md": f"# {markdown_escape(title)}\n\n"
        + "\n".join([*(table.markdown() for table in tables), *map(render.markdown, details)]),
        "comparison.csv": numbers(_all_numbers(found)),
        "comparison.tex": latex.body([*(table.latex(name) for table in tables), *marked]),
        "comparison.html": page(
            title, "\n".join([*(table.html() for table in tables), *map(render.html_table, details)])
        ),
        "trials.md": f"# {markdown_escape(title)}: all trials\n\n{trials.markdown()}",
        "trials.csv": trials.csv(),
        "trials.tex": latex.body([trials.latex(name)]),
        "trials.html": page(f"{title}: all trials", trials.html()),
    }
    for file, text in texts.items():
        write_text(folder / file, text)
    figures = search_figure(losses(found), untrained(found), found.study, folder)
    return sorted([*(folder / file for file in texts), *figures])


def losses(found: Tuned) -> dict[str, dict[str, list[float]]]:
    """Return the held-out losses of all trials that have ended, by network and variant, in thousandths."""
    groups = {
        network: [one for one in found.ended if one.trial.run.network == network]
        for network in found.experiment.file.networks
    }
    return {
        network: {
            variant: [
                value * THOUSAND for value in counted([one for one in group if one.trial.run.variant == variant], group)
            ]
            for variant in found.experiment.file.variants
        }
        for network, group in groups.items()
    }


def untrained(found: Tuned) -> dict[str, float]:
    """Return the held-out loss before training, by network, in thousandths: the mean over all trials."""
    initial: dict[str, list[float]] = {}
    for one in found.ended:
        initial.setdefault(one.trial.run.network, []).append(one.initial * THOUSAND)
    return {network: sum(values) / len(values) for network, values in initial.items()}


def comparison_table(found: Tuned) -> PlainTable:
    """Return a row per network and variant: the first metric's average at default and at chosen options."""
    label = metric_label(found.study.metrics[0])
    several = len(found.study.networks) > 1
    rows = []
    for network in found.study.networks:
        for variant in found.study.methods:
            default = _cell(found, "default", network, variant, label)
            chosen = _cell(found, "tuned", network, CHOSEN.format(variant), label)
            gain = _cell(found, _gain_of(variant), network, CHOSEN.format(variant), label)
            texts = (variant, default.value, _gain(default), chosen.value, _gain(chosen), _gain(gain))
            rows.append((network, *texts) if several else texts)
    unit = f", {label.unit}" if label.unit else ""
    base = found.study.baseline
    columns = (f"default{unit}", f"to {base}", f"tuned{unit}", f"to tuned {base}", "tuned to default")
    header = ("network", "method", *columns) if several else ("method", *columns)
    caption = (
        f"{label.title} over all test sets and degradations, at default options and at those that were chosen. Both "
        f"were trained with the same seeds; differences are paired, with {LEVEL:.0%} intervals. A star means what it "
        "means in the main table: in the columns against a baseline for all methods together, in the last one for each "
        "method alone."
    )
    numeric = frozenset(range(1 + several, 6 + several))
    return PlainTable("comparison", caption, header, tuple(rows), numeric)


def chosen_table(found: Tuned) -> PlainTable:
    """Return what was chosen: a row per network and variant."""
    entry, heldout = found.tuning.entry, found.experiment.training.heldout
    rows = [
        (one.network, one.variant, f"{one.learning_rate:g}", _options(one.options), f"{one.heldout_l1 * THOUSAND:.3f}")
        for one in (found.chosen.best if found.chosen else ())
    ]
    caption = (
        f"What was chosen: of {entry.trials} trials for each method, {found.study.baseline} included, of "
        f"{entry.iterations:.0%} of the iterations each, the one with the least L1 loss on {heldout} (in thousandths, "
        "of the averaged weights). No test set had a part in it, and no seed of a trial trains a result."
    )
    header = ("network", "method", "learning rate", "options", "held-out L1")
    return PlainTable("chosen", caption, header, tuple(rows), frozenset({2, 4}))


def trial_table(found: Tuned) -> PlainTable:
    """Return a row per trial that has ended; the best of each variant is marked."""
    rows = []
    for one in found.ended:
        run = one.trial.run
        own = [other for other in found.ended if _whose(other) == _whose(one)]
        loss = f"{one.loss * THOUSAND:.3f}" if one.loss is not None else f"diverged at {one.diverged}"
        rate = f"{run.spec.training.learning_rate:g}"
        mark = "best" if best_of(own) is one else ""
        rows.append(
            (run.network, run.variant, str(one.trial.number), rate, _options(one.trial.options), loss, mark, run.name)
        )
    searched = "; ".join(
        f"{variant}: {', '.join(f'{name} in {where}' for name, where in space.items()) or 'no option'}"
        for variant, space in found.tuning.spaces.items()
    )
    factor = found.tuning.entry.learning_rate
    caption = (
        f"All trials. Searched: {searched}; of all methods the learning rate, from 1/{factor:g} to {factor:g} times "
        "the experiment's. Trials of the same number share seed and place in that range. Loss: L1 of the averaged "
        "weights on the held-out images, in thousandths; before training "
        f"{', '.join(sorted({f'{one.initial * THOUSAND:.3f}' for one in found.ended})) or 'unknown'}."
    )
    header = ("network", "method", "trial", "learning rate", "options", "held-out L1", "chosen", "run")
    return PlainTable("trials", caption, header, tuple(rows), frozenset({2, 3, 5}))


def _whose(one: Ended) -> tuple[str, str]:
    return one.trial.run.network, one.trial.run.variant


def _options(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in options.items())


def _cell(found: Tuned, which: str, network: str, method: str, label: MetricLabel) -> Cell:
    """Return a method's average over everything in one of the summaries."""
    if which not in found.summaries:
        return cell_of(None, label)
    study, summary = found.summaries[which]
    rows = summary[(summary["metric"] == study.metrics[0]) & (summary["scope"] == _widest(summary, study))]
    own = rows[(rows["network"] == network) & (rows["method"] == method)]
    return cell_of(own.iloc[-1].to_dict() if len(own) else None, label)


def _gain_of(variant: str) -> str:
    return f"gain of {variant}"


def _gain(cell: Cell) -> str:
    if not cell.gain:
        return ""
    return cell.gain + (f" [{cell.low}, {cell.high}]" if cell.low else "") + "*" * cell.star


def _widest(summary: pd.DataFrame, study: Study) -> str:
    names = list(summary.loc[summary["metric"] == study.metrics[0], "scope"])
    return AVERAGE if AVERAGE in names else names[0]


def _details(found: Tuned) -> Iterator[Comparison]:
    """Yield the main table at default and at chosen options."""
    for name in ("default", "tuned"):
        if name in found.summaries:
            study, summary = found.summaries[name]
            table = comparison(summary, study, study.metrics[0], _widest(summary, study))
            if table is not None:
                yield table


def _all_numbers(found: Tuned) -> pd.DataFrame:
    parts: Sequence[pd.DataFrame] = [
        summary.assign(options=name)[["options", *summary.columns]] for name, (_, summary) in found.summaries.items()
    ]
    return pd.concat(parts) if parts else pd.DataFrame({"options": []})
