"""The report's section of sweeps."""

from __future__ import annotations

from markupsafe import Markup

from harness.experiment import Experiment
from harness.foundation import layout
from harness.reporting.figures.sweeps import CAPTION
from harness.reporting.page.pictures import picture
from harness.reporting.page.sections import Section
from harness.reporting.rows.compared import study_of
from harness.reporting.rows.metric_rows import load
from harness.reporting.statistics.sweeps import sweep_summary
from harness.reporting.tables.sweeps import sweep_table

_FIGURE = Markup('<figure id="{}"><img src="{}" width="{}" alt="{}"><figcaption>{}</figcaption></figure>')


def sweep_section(experiment: Experiment) -> Section | None:
    """Return the section of an experiment that sweeps, None without rows of it."""
    metrics, study = layout.experiment_metrics(experiment.name), study_of(experiment)
    if not study.swept or not metrics.is_file():
        return None
    rows = sweep_summary(load(metrics), study)
    body = Markup('<div class="scroll">{}</div>').format(Markup(sweep_table(rows, study).html()))
    report = layout.report(experiment.name)
    for network in study.networks:
        path, title = report / "figures" / f"sweep_{network}.png", f"sweep: {network}"
        shown = picture(path, f"figure-sweep-{network}", CAPTION, report, title)
        if shown is not None:
            body += _FIGURE.format(shown.anchor, shown.source, shown.width, shown.title, shown.caption)
    return Section("sweeps", "Strength of degradation", body)
