"""The report's section of sets of many degradations."""

from __future__ import annotations

from markupsafe import Markup

from harness.experiment import Experiment
from harness.foundation import layout
from harness.reporting.figures.systematic import CAPTION
from harness.reporting.files import systematic_figures
from harness.reporting.page.pictures import picture
from harness.reporting.page.sections import Section
from harness.reporting.rows.compared import study_of
from harness.reporting.rows.metric_rows import load
from harness.reporting.tables.systematic_sets import judge, judged_table


def systematic_section(experiment: Experiment) -> Section | None:
    """Return the section of an experiment with ``evaluation.systematic``, None without rows of it."""
    metrics, study = layout.experiment_metrics(experiment.name), study_of(experiment)
    if not study.systematic or not metrics.is_file():
        return None
    tables = [judged_table(one, study) for one in judge(load(metrics), study)]
    body = Markup("").join(Markup('<div class="scroll">{}</div>').format(Markup(table.html())) for table in tables)
    report = layout.report(experiment.name)
    names = systematic_figures(study)
    shown = (picture(report / "figures" / f"{name}.png", f"figure-{name}", CAPTION, report, name) for name in names)
    return Section("systematic", "Many degradations", body, tuple(one for one in shown if one is not None))
