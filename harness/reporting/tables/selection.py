"""The tables of a choice among kept weights on a test set: by method and by run, and the numbers behind the figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.experiment import Experiment
from harness.experiment.selection import Selection
from harness.foundation import layout
from harness.reporting.rows.compared import AVERAGE, Study, study_of
from harness.reporting.rows.labels import MetricLabel, degradation_label, method_label, metric_label
from harness.reporting.rows.metric_rows import load
from harness.reporting.rows.selection import Course, load_courses
from harness.reporting.statistics.selection import CROSSED, HELDOUT, LAST, OTHERS, SEEN, Choice, choose, gains
from harness.reporting.tables.formats import PlainTable, csv_text

Scope = tuple[str, str, str]
"""Of which images, over which weights, less the gain of which method."""


@dataclass(frozen=True)
class Selected:
    """What there is to show.

    Attributes:
        study: the comparison.
        on: the test set that the choice sees.
        others: the sets that it does not see.
        column: a degradation, or ``average``.
        metric: by which is chosen.
        courses: every run over training time.
        rows: of :func:`harness.reporting.statistics.selection.gains`.
        controls: (network, method) to the quality of a control on ``on`` and on ``others`` together.
    """

    study: Study
    on: str
    others: tuple[str, ...]
    column: str
    metric: str
    courses: Sequence[Course]
    rows: pd.DataFrame
    controls: dict[tuple[str, str], tuple[float, float]]

    @property
    def label(self) -> MetricLabel:
        """How the metric is shown."""
        return metric_label(self.metric)

    def choice(self, course: Course) -> Choice | None:
        """Return what would be chosen of a run; None if it has no quality."""
        return choose(course, self.on, self.label.higher_is_better)

    def scopes(self) -> list[Scope]:
        """Return the columns of gains that there are numbers for."""
        there = set(self.rows["scope"])
        wanted = [(SEEN, LAST), (SEEN, HELDOUT), (CROSSED, LAST), (OTHERS, LAST), (OTHERS, HELDOUT)]
        return [(scope, over, "") for scope, over in wanted if scope in there]


def selected(experiment: Experiment) -> Selected:
    """Read and compare all that an experiment's section ``selection`` asks for.

    Raises:
        HarnessError: there is no such section, or rows, histories or the aggregated metrics are missing.
    """
    own, study, courses = Selection(experiment), study_of(experiment), load_courses(experiment)
    on, metric = own.entry.on, own.metric
    rows = gains(courses, on, metric_label(metric).higher_is_better, study.baseline)
    controls = controls_of(load(layout.experiment_metrics(experiment.name)), study, own)
    return Selected(study, on, own.others, own.entry.column, metric, courses, rows, controls)


def method_table(found: Selected) -> PlainTable:
    """Return a row per network and method, controls first: what the choice on a test set gains there and elsewhere."""
    study, label = found.study, found.label
    scopes = [*found.scopes(), *[(SEEN, LAST, study.baseline)] * (len(study.methods) > 1)]
    sets = [found.on, *["other sets"] * bool(found.others)]
    header = ["network", "method", *(f"{label.title}, {name}" for name in sets), "chosen at iteration"]
    lines: list[tuple[str, ...]] = []
    for network in study.networks:
        for method in study.references:
            known = [_shown(found, number) for number in found.controls[network, method][: len(sets)]]
            lines.append((network, method_label(method), *known, "", *[""] * len(scopes)))
        for method in study.methods:
            own = [one for one in found.courses if (one.network, one.variant) == (network, method)]
            if own:
                cells = [_cell(found, network, method, None, scope) for scope in scopes]
                lines.append((network, method_label(method), *_ends(found, own), _chosen(found, own), *cells))
    header += [_heading(found.on, scope) for scope in scopes]
    return PlainTable("selection", _caption(found), tuple(header), tuple(lines), frozenset(range(2, len(header))))


def run_table(found: Selected) -> PlainTable:
    """Return a row per run: what would have been chosen on the test set and by held-out images, and the gains."""
    scopes = found.scopes()
    header = ["network", "method", "seed", f"chosen by {found.on}", "chosen by held-out images", "last"]
    header += [_heading(found.on, scope) for scope in scopes]
    lines = []
    for one in found.courses:
        choice = found.choice(one)
        places = ["failed"] * 2 if choice is None else [str(one.iterations[p]) for p in (choice.test, choice.heldout)]
        cells = [_cell(found, one.network, one.variant, one.seed, scope) for scope in scopes]
        lines.append((one.network, method_label(one.variant), str(one.seed), *places, str(one.iterations[-1]), *cells))
    caption = (
        f"Choosing the weights of each run by {found.on}. After which iteration they were kept, and what the choice "
        "gains, with its 95% interval over images. Gains are positive where quality is better."
    )
    return PlainTable("runs", caption, tuple(header), tuple(lines), frozenset(range(2, len(header))))


def curves(found: Selected) -> str:
    """Return the numbers behind the figure as CSV: a line per run, iteration and data set."""
    lines = []
    for one in found.courses:
        choice = found.choice(one)
        at = (choice.test, choice.heldout) if choice else (-1, -1)
        for place, iteration in enumerate(one.iterations):
            marks = [str(int(place == chosen)) for chosen in at]
            for name, values in one.quality.items():
                numbers = (repr(float(values[place].mean())), repr(float(one.heldout[place])))
                lines.append((one.network, one.variant, str(one.seed), str(iteration), name, *numbers, *marks))
    header = ("network", "variant", "seed", "iteration", "dataset", found.metric, "heldout_l1")
    return csv_text((*header, "chosen_by_test_set", "chosen_by_heldout"), lines)


def controls_of(
    metrics: pd.DataFrame, study: Study, selection: Selection
) -> dict[tuple[str, str], tuple[float, float]]:
    """Return (network, control) to its quality on the set that the choice sees and on the others together.

    NaN where an image is failed or infinite: a mean over other images would compare images, not methods.
    """
    wanted = (metrics["metric"] == selection.metric) & metrics["degradation"].isin(selection.degradations)
    rows = metrics[wanted].astype(dict.fromkeys(("network", "variant", "dataset"), str))
    values = rows["value"].where((rows["status"] == "ok") & np.isfinite(rows["value"]))
    keys = [rows["network"], rows["variant"], rows["dataset"]]
    means = values.groupby(keys).agg(lambda own: own.mean(skipna=False))
    found = {}
    for network in study.networks:
        for method in study.references:
            owner = study.control(method, network).network
            seen, *rest = (means.get((owner, method, name), np.nan) for name in (selection.entry.on, *selection.others))
            found[network, method] = float(seen), float(np.mean(rest)) if rest else np.nan
    return found


def _caption(found: Selected) -> str:
    on, label = found.on, found.label
    how = "the average over degradations" if found.column == AVERAGE else degradation_label(found.column)
    unit = f" (in {label.unit})" if label.unit else ""
    elsewhere = " and all other sets show" if found.others else " shows"
    return (
        f"What choosing weights by {on} would have gained. Of the weights that each run keeps on its way, those with "
        f"the best {label.title} on {on} ({how}), as released code chooses by a test set, against the last weights, "
        "which all other tables report, and against those with the least loss on held-out images. Mean over seeds, in "
        f"brackets the 95% interval over seeds and images. On {on} the gain over the last is never negative, whatever "
        f"it is worth: that is leakage. Each of its images by a choice on the others{elsewhere} what is gained where "
        f"the choice did not look. Controls have nothing to choose among. Gains{unit} are positive where quality is "
        "better. No correction for the number of comparisons: exploratory."
    )


def _heading(on: str, scope: Scope) -> str:
    where, over, minus = scope
    if minus:
        return f"{on}: moves the difference to {minus} by"
    names = {SEEN: on, CROSSED: f"{on}, each image by the others", OTHERS: "other sets"}
    return f"{names[where]}: gain over {'the last' if over == LAST else 'held-out choice'}"


def _cell(found: Selected, network: str, method: str, seed: int | None, scope: Scope) -> str:
    where, over, minus = scope
    rows = found.rows
    own = rows[(rows["network"] == network) & (rows["variant"] == method)]
    own = own[(own["scope"] == where) & (own["over"] == over) & (own["minus"] == minus)]
    own = own[own["seed"].isna() if seed is None else own["seed"].eq(seed).fillna(False)]
    if own.empty or not np.isfinite(own["gain"].iloc[0]):
        return "" if minus else "failed"
    row, label = own.iloc[0], found.label
    interval = f" [{label.difference(row['low'])}, {label.difference(row['high'])}]" if np.isfinite(row["low"]) else ""
    return label.difference(row["gain"]) + interval


def _ends(found: Selected, courses: Sequence[Course]) -> Iterator[str]:
    """Yield the quality of the last weights on the set that the choice sees, and on the others together."""
    for names in filter(None, ((found.on,), found.others)):
        value = np.mean([[one.quality[name][-1].mean() for name in names] for one in courses])
        yield _shown(found, float(value))


def _shown(found: Selected, quality: float) -> str:
    return found.label.value(quality) if np.isfinite(quality) else "failed"


def _chosen(found: Selected, courses: Sequence[Course]) -> str:
    """Return after which iteration the chosen weights were kept: the least and the greatest over seeds."""
    steps = sorted({one.iterations[choice.test] for one in courses if (choice := found.choice(one)) is not None})
    return " to ".join(map(str, dict.fromkeys((steps[0], steps[-1])))) if steps else "failed"
