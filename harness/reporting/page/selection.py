"""What choosing among kept weights on a test set would have gained: the files, and their section of the report."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from harness.experiment import Experiment
from harness.foundation import layout
from harness.foundation.files import write_text
from harness.reporting.figures.selection import over_time
from harness.reporting.files import SELECTION_FIGURE, selection_files
from harness.reporting.page.pictures import picture
from harness.reporting.page.sections import Section
from harness.reporting.tables.formats import write_plain
from harness.reporting.tables.selection import curves, method_table, run_table, selected

CAPTION = (
    "Quality over training time, on {on} and on all other sets together. Thick: mean over seeds; thin: each run. Full "
    "marks: the weights that {on} would choose, the best there by construction; open marks: those that held-out images "
    "would choose. The last weights are what all other tables report. The steep beginning is left out."
)
"""What the figure shows."""


def write_selection(experiment: Experiment) -> list[Path]:
    """Write the tables, their data and the figure below ``reports/<experiment>/selection`` and return the paths.

    Raises:
        HarnessError: the experiment asks for no selection, or rows, histories or the aggregated metrics are missing.
    """
    found, folder = selected(experiment), layout.selection_report(experiment.name)
    title = f"{experiment.name}: choosing weights on {found.on}"
    for table in (method_table(found), run_table(found)):
        write_plain(table, title, folder, experiment.name)
    write_text(folder / "gains.csv", found.rows.to_csv(index=False, lineterminator="\n"))
    write_text(folder / f"{SELECTION_FIGURE}.csv", curves(found))
    over_time(found.courses, found.on, found.study, folder)
    return selection_files(experiment.name)


def selection_section(experiment: Experiment) -> Section | None:
    """Return the section of the report, None if there is nothing to show yet."""
    if experiment.file.selection is None or not all(path.is_file() for path in selection_files(experiment.name)):
        return None
    found, folder = selected(experiment), layout.selection_report(experiment.name)
    tables = (Markup(table.html()) for table in (method_table(found), run_table(found)))
    body = Markup().join(Markup('<div class="scroll">{}</div>').format(table) for table in tables)
    caption, report = CAPTION.format(on=found.on), layout.report(experiment.name)
    shown = picture(folder / f"{SELECTION_FIGURE}.png", "figure-selection", caption, report, "over time")
    return Section("selection", f"Choosing weights on {found.on}", body, (shown,) if shown else ())
