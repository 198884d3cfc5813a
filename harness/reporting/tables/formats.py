"""Plain tables of text as Markdown, CSV, LaTeX and HTML, and as files of each."""

from __future__ import annotations

import csv
import html
import io
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.foundation.files import write_text
from harness.reporting.tables import latex

WIDTH = 118
"""Columns of a terminal that prose and Markdown tables keep to."""

_MARKDOWN = re.compile(
    r"\\(?=[!-/:-@\[-`{-~])|<(?=[A-Za-z/!?])|&(?=#?\w+;)|\](?=[(\[:])|(?<!\w)_(?=\w)|(?<=\w)_(?!\w)|\|"
)
"""What is markup, or ends a cell, even if it stands once; marks that come in pairs are looked for apart."""

_FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d.]|inf|nan)")
"""How a cell begins that a spreadsheet program would compute."""


@dataclass(frozen=True)
class PlainTable:
    """A table of text: a caption, a header and rows of equal length; ``numeric`` columns are set flush right."""

    name: str
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()

    def markdown(self) -> str:
        """Return the caption and the table as Markdown."""
        if not self.rows:
            return f"{wrap(markdown_escape(self.caption))}\n\nNone.\n"
        return f"{wrap(markdown_escape(self.caption))}\n\n{markdown_table(self.header, self.rows, self.numeric)}"

    def csv(self) -> str:
        """Return header and rows as CSV with Unix line ends."""
        return csv_text(self.header, self.rows)

    def latex(self, study: str = "") -> str:
        """Return a floating ``table*``; its label is unique if the table's name is among those of ``study``."""
        head, _, rest = self.caption.partition(". ")
        mark = latex.label(*filter(None, [study, self.name]))
        if not self.rows:
            return latex.float_of(mark, head.rstrip(".") + ".", [], [rest, "None."])
        parts, same = latex.plain(self.header, self.rows, self.numeric)
        return latex.float_of(mark, head.rstrip(".") + ".", parts, [rest, same])

    def html(self) -> str:
        """Return a ``<table>`` with a caption; a script in the page may sort it by its ``data-sort`` keys."""
        cells = ((index in self.numeric, text) for index, text in enumerate(self.header))
        head = "".join(f'<th scope="col"{_right(number)}>{html.escape(text)}</th>' for number, text in cells)
        body = "\n".join(
            "<tr>"
            + "".join(f"<td{_right(index in self.numeric)}>{html.escape(text)}</td>" for index, text in enumerate(row))
            + "</tr>"
            for row in self.rows
        )
        caption = html.escape(self.caption)
        return (
            f'<table class="sortable">\n<caption><span>{caption}</span></caption>\n<thead><tr>{head}</tr></thead>\n'
            f"<tbody>\n{body}\n</tbody>\n</table>\n"
        )


def write_plain(table: PlainTable, title: str, folder: str | Path, study: str = "") -> list[Path]:
    """Write ``<name>.{csv,html,md,tex}`` below ``folder`` and return the paths; ``title`` is that of the page."""
    from harness.reporting.templates import page  # here: tables for a terminal do without templates

    texts = {
        "csv": table.csv(),
        "html": page(title, table.html()),
        "md": table.markdown(),
        "tex": latex.body([table.latex(study)]),
    }
    paths = [Path(folder) / f"{table.name}.{form}" for form in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        write_text(path, text)
    return paths


def wrap(text: str) -> str:
    """Break prose into lines of at most :data:`WIDTH` characters."""
    return "\n".join(textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False))


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], numeric: frozenset[int]) -> str:
    """Return a Markdown table whose columns are padded to equal width; markup in the text is escaped."""
    return padded_table([[markdown_escape(text) for text in row] for row in (header, *rows)], numeric)


def padded_table(table: Sequence[Sequence[str]], numeric: frozenset[int] = frozenset()) -> str:
    """Return a Markdown table of a header and rows that are Markdown already."""
    header = table[0]
    widths = [max(3, *(len(row[index]) for row in table)) for index in range(len(header))]
    rule = ["-" * (width + 1) + ":" if index in numeric else "-" * (width + 2) for index, width in enumerate(widths)]
    lines = []
    for row in table:
        cells = [
            f" {text.rjust(width) if index in numeric else text.ljust(width)} "
            for index, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("|" + "|".join(cells) + "|")
    lines.insert(1, "|" + "|".join(rule) + "|")
    return "\n".join(lines) + "\n"


def csv_text(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows as CSV text with Unix line ends; text that begins like a formula gets an apostrophe before it."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    for row in (header, *rows):
        writer.writerow([f"'{text}" if _FORMULA.match(text) else text for text in row])
    return stream.getvalue()


def markdown_escape(text: str) -> str:
    """Return text on one line with what Markdown would take for markup escaped; what cannot be any stays readable."""
    text = _MARKDOWN.sub(r"\\\g<0>", re.sub(r"\s*[\r\n]+\s*", " ", text))
    for mark in "*`$~":
        if text.count(mark) > 1:
            text = text.replace(mark, f"\\{mark}")
    return text


def _right(numeric: bool) -> str:
    return ' class="n"' if numeric else ""
