"""A plain table as files: Markdown, CSV, LaTeX and HTML, each complete on its own."""

from __future__ import annotations

from pathlib import Path

from harness.files import write_text
from harness.reporting.formats import PlainTable, latex_document
from harness.reporting.templates import page


def write_plain(table: PlainTable, title: str, folder: str | Path) -> list[Path]:
    """Write ``<name>.{csv,html,md,tex}`` below ``folder`` and return the paths; ``title`` is that of the page."""
    texts = {
        "csv": table.csv(),
        "html": page(title, table.html()),
        "md": table.markdown(),
        "tex": latex_document([table.latex()]),
    }
    paths = [Path(folder) / f"{table.name}.{form}" for form in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        write_text(path, text)
    return paths
