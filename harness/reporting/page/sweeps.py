"""The report's section of sweeps."""

from __future__ import annotations

from markupsafe import Markup

from harness.experiment import Experiment
from harness.foundation import layout
from harness.reporting.figures.sweeps import CAPTION
from harness.reporting.files import sweep_figures
from harness.reporting.page.pictures import picture
from harness.reporting.page.sections import Section
from harness.reporting.rows.compared import study_of
from harness.reporting.rows.metric_rows import load
from harness.reporting.statistics.sweeps import sweep_summary
from harness.reporting.tables.sweeps import sweep_table


def sweep_section(experiment: Experiment) -> Section | None:
    """Return the section of an experiment that sweeps, None without rows of it."""
    metrics, study = layout.experiment_metrics(experiment.name), study_of(experiment)
    if not study.swept or not metrics.is_file():
        return None
    rows = sweep_summary(load(metrics), study)
    body = Markup('<div class="scroll">{}</div>').format(Markup(sweep_table(rows, study).html()))
    report = layout.report(experiment.name)
    names = sweep_figures(study)
    shown = (picture(report / "figures" / f"{name}.png", f"figure-{name}", CAPTION, report, name) for name in names)
    return Section("sweeps", "Strength of degradation", body, tuple(one for one in shown if one is not None))
