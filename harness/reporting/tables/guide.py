"""What the files of a folder of tables are: an index for people, and a document that shows the LaTeX tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.foundation.files import write_text
from harness.reporting.rows.labels import metric_label
from harness.reporting.tables import latex
from harness.reporting.tables.formats import markdown_escape, markdown_table

_WHAT = {
    "main": "the first metric, averaged over data sets: the table to look at first",
    "cost": "time, images, memory and energy of one training of each method",
    "equal_cost": "the main comparison with baselines that trained as long as each method",
    "published": "published numbers beside ours",
    "test_time": "networks that draw random numbers at test time: how far test seeds lie apart",
    "sweep": "one degradation at many strengths: where each method begins to pay",
    "sweep_numbers": "every number of the sweeps, a row per strength and method",
    "systematic": "sets of many degradations against an acceptance line and an excellence line",
    "real_paired": "real photographs with ground truth, all metrics",
    "real_unpaired": "real photographs without ground truth, all metrics",
    "summary": "every number of every table, a row per cell, with intervals and p-values",
    "ranks": "how stable the ranking is: the share of bootstrap draws in which a method has each rank",
    "failures": "cells that failed or are missing",
    "preview": "a document that shows all LaTeX tables; run pdflatex preview in this folder",
}
_ORDER = tuple(_WHAT)


def write_guides(study: str, paths: Sequence[Path], folder: str | Path) -> list[Path]:
    """Write ``README.md`` and ``preview.tex`` for the tables at ``paths`` and return the two."""
    names = list(dict.fromkeys(path.stem for path in paths))
    names.sort(key=lambda name: (_ORDER.index(name) if name in _ORDER else 1, name))
    names.remove("main")
    names.insert(0, "main")
    rows = [(name, _what(name), ", ".join(sorted(p.suffix[1:] for p in paths if p.stem == name))) for name in names]
    rows.append(("preview", _WHAT["preview"], "tex"))
    text = (
        f"# Tables of {markdown_escape(study)}\n\n"
        f"{markdown_table(('file', 'what it is', 'formats'), rows, frozenset())}\n"
        "`.tex` files are bodies: load `booktabs` (and T1 `fontenc`) and write `\\input{tables/main}`.\n"
        f"The labels begin with `{latex.label(study)}`. \n"
        "docs/statistics.md says what stars, bold and underlined numbers claim.\n"
    )
    shown = [name for name in names if any(path.stem == name and path.suffix == ".tex" for path in paths)]
    files = {"README.md": text, "preview.tex": latex.preview(f"Tables of {study}", shown)}
    for name, content in files.items():
        write_text(Path(folder) / name, content)
    return [Path(folder) / name for name in files]


def _what(name: str) -> str:
    return _WHAT.get(name) or f"{metric_label(name).axis}: each data set, and their average unless main has it"
