"""Plain tables of text as Markdown, CSV, LaTeX (booktabs) and HTML, and as files of each, complete on its own."""

from __future__ import annotations

import csv
import html
import io
import re
import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.foundation.files import write_text
from harness.reporting.templates import page

WIDTH = 118
"""Columns of a terminal that prose and Markdown tables keep to."""

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "−": r"$-$",
    "×": r"$\times$",
    "°": r"$^\circ$",
    "–": "--",
    "\u2009": r"\,",
    "[": "{[}",  # after the end of a row, \\[...] would be a length and \\* another command
    "]": "{]}",
    "*": "{*}",
    '"': r"\textquotedbl{}",
    "’": "'",
    "…": r"\dots{}",
}

_LAST_LETTER = "\u017f"
"""The last letter that pdflatex typesets with the T1 encoding; others are spelled as their code points."""

_LIGATURES = ("--", "?`", "!`", "``", "''", ",,")
"""Pairs of signs that LaTeX draws as another one."""

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

    def latex(self) -> str:
        """Return a floating ``table*`` environment; the document needs the packages booktabs and graphicx."""
        columns = "".join("r" if index in self.numeric else "l" for index in range(len(self.header)))
        lines = [latex_row(self.header), r"\midrule", *(latex_row(row) for row in self.rows)]
        return latex_float(self.name, latex_escape(self.caption), columns, lines)

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


def latex_escape(text: str) -> str:
    """Return text on one line with LaTeX's special characters escaped and the few symbols used here spelled out.

    What pdflatex has no letter for is spelled as its code point.
    """
    text = re.sub(r"[\r\n\t\v\f]+", " ", unicodedata.normalize("NFC", text))
    escaped = ""
    for before, letter in zip(f" {text}", text, strict=False):
        known = letter if letter <= _LAST_LETTER else f"{{[}}U+{ord(letter):04X}{{]}}"
        escaped += "{}" * (before + letter in _LIGATURES) + _LATEX.get(letter, known)
    return escaped


def markdown_escape(text: str) -> str:
    """Return text on one line with what Markdown would take for markup escaped; what cannot be any stays readable."""
    text = _MARKDOWN.sub(r"\\\g<0>", re.sub(r"\s*[\r\n]+\s*", " ", text))
    for mark in "*`$~":
        if text.count(mark) > 1:
            text = text.replace(mark, f"\\{mark}")
    return text


def latex_row(cells: Sequence[str]) -> str:
    """Return one escaped row of a tabular."""
    return " & ".join(latex_escape(cell) for cell in cells) + r" \\"


def latex_float(name: str, caption: str, columns: str, lines: Sequence[str]) -> str:
    """Return a ``table*`` with booktabs rules around ``lines``; the caption must be escaped already.

    A tabular wider than the text is shrunk to it, which needs the package graphicx.
    """
    body = "\n".join(lines)
    label = re.sub(r"[^A-Za-z0-9._-]", "-", name)
    shrink = "\\resizebox{\\ifdim\\width>\\textwidth\\textwidth\\else\\width\\fi}{!}{%"
    return (
        f"\\begin{{table*}}\n\\centering\n\\caption{{{caption}}}\n\\label{{tab:{label}}}\n\\footnotesize\n"
        f"\\setlength{{\\tabcolsep}}{{4pt}}\n{shrink}\n\\begin{{tabular}}{{@{{}}{columns}@{{}}}}\n\\toprule\n{body}\n"
        "\\bottomrule\n\\end{tabular}}\n\\end{table*}\n"
    )


def latex_document(parts: Sequence[str]) -> str:
    """Return a document that compiles on its own, with the tables between marker lines to copy from."""
    return (
        "\\documentclass[10pt,twocolumn]{article}\n\\usepackage[T1]{fontenc}\n\\usepackage[margin=18mm]{geometry}\n"
        "\\usepackage{booktabs}\n\\usepackage{graphicx}\n\\begin{document}\n% --- tables begin\n"
        + "\n".join(parts)
        + "% --- tables end\n\\end{document}\n"
    )


def _right(numeric: bool) -> str:
    return ' class="n"' if numeric else ""
