r"""Tables for a paper: bodies that ``\input`` puts into a two-column document, which loads booktabs and nothing else.

A file holds floats alone: caption and label, one or more tabulars below each other where the columns do not fit the
width of the text, and what marks and letters mean. ``siunitx`` may be loaded and is not needed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

ROOM = 108
"""Digits of the size ``\\footnotesize`` that fit beside each other in the text of a two-column article (469 pt)."""

GAP = 1.5
"""Room between two columns, in digits."""

_LONGEST = 26  # letters of a column of prose, which is broken into lines

_SPECIAL = {
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


def escape(text: str) -> str:
    """Return text on one line with LaTeX's special characters escaped and the few symbols used here spelled out.

    What pdflatex has no letter for is spelled as its code point.
    """
    text = re.sub(r"[\r\n\t\v\f]+", " ", unicodedata.normalize("NFC", text))
    escaped = ""
    for before, letter in zip(f" {text}", text, strict=False):
        known = letter if letter <= _LAST_LETTER else f"{{[}}U+{ord(letter):04X}{{]}}"
        escaped += "{}" * (before + letter in _LIGATURES) + _SPECIAL.get(letter, known)
    return escaped


def number(text: str) -> str:
    """Return a difference, with or without an interval, as mathematics, so that its signs are those of numbers."""
    return f"${text}$"


def row(cells: Sequence[str]) -> str:
    """Return one row of a tabular from cells that are LaTeX already."""
    return " & ".join(cells) + r" \\"


def label(*names: str) -> str:
    """Return a label that is unique if the names are: ``tab:demo-main``."""
    return "tab:" + re.sub(r"[^A-Za-z0-9._-]", "-", "-".join(names))


def chunks(widths: Sequence[float], room: float) -> list[list[int]]:
    """Return the numbers of columns in groups that fit ``room`` each, in their order; every group has one at least."""
    groups: list[list[int]] = [[]]
    for index, width in enumerate(widths):
        if groups[-1] and sum(widths[other] for other in groups[-1]) + width > room:
            groups.append([])
        groups[-1].append(index)
    return groups


def tabular(columns: str, header: Sequence[str], blocks: Iterable[tuple[str, Sequence[Sequence[str]]]]) -> str:
    """Return a tabular with booktabs rules.

    Args:
        columns: its column specification.
        header: cells that are LaTeX already; so are those of the rows.
        blocks: pairs of a title ("" for none) and rows.
    """
    lines = [rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}", r"\toprule", row(header)]
    for title, rows in blocks:
        lines.append(r"\midrule")
        if title:
            lines.append(rf"\multicolumn{{{len(header)}}}{{@{{}}l}}{{\emph{{{title}}}}} \\")
        lines += [row(cells) for cells in rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def plain(header: Sequence[str], rows: Sequence[Sequence[str]], numeric: frozenset[int]) -> tuple[list[str], str]:
    """Lay out a table of text: tabulars that fit the width, and what stands in columns that are the same everywhere.

    The first column of text that tells rows apart is repeated in every tabular.
    """
    alike = [i for i in range(len(header)) if len(rows) > 1 and len({cells[i] for cells in rows}) == 1]
    shown = [i for i in range(len(header)) if i not in alike]
    if not shown:
        alike, shown = [], list(range(len(header)))
    same = "; ".join(f"{header[i]}: {rows[0][i]}" for i in alike if rows[0][i])
    keys = [i for i in shown if i not in numeric][:1] or shown[:1]
    others = [i for i in shown if i not in keys]
    width = {i: min(max(len(cells[i]) for cells in (header, *rows)), _LONGEST) + GAP for i in shown}
    room = ROOM - sum(width[i] for i in keys)
    parts = []
    for group in chunks([width[i] for i in others], room):
        picked = [*keys, *(others[i] for i in group)]
        columns = "".join("r" if i in numeric else _prose(i, header, rows) for i in picked)
        body = [[escape(cells[i]) for i in picked] for cells in rows]
        parts.append(tabular(columns, [escape(header[i]) for i in picked], [("", body)]))
    return parts, f"In all rows: {same}." if same else ""


def _prose(index: int, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return the kind of a column of text: broken into lines where it is long."""
    longest = max(len(cells[index]) for cells in (header, *rows))
    return "l" if longest <= _LONGEST else rf"p{{{_LONGEST / 2:.0f}em}}"


def float_of(mark: str, caption: str, parts: Sequence[str], legend: Sequence[str]) -> str:
    """Return a ``table*``: a short caption, tabulars below each other, and what marks mean in small print.

    Args:
        mark: from :func:`label`.
        caption, legend: plain text.
        parts: tabulars.
    """
    text = " ".join(escape(line) for line in legend if line)
    small = [r"\par\smallskip", rf"\begin{{minipage}}{{\textwidth}}\scriptsize {text}\end{{minipage}}"] if text else []
    lines = [
        r"\begin{table*}",
        r"\centering",
        rf"\caption{{{escape(caption)}}}",
        rf"\label{{{mark}}}",
        r"\footnotesize",
        r"\setlength{\tabcolsep}{3pt}",
        "\n\\par\\smallskip\n".join(parts),
        *small,
        r"\end{table*}",
    ]
    return "\n".join(lines) + "\n"


def body(floats: Sequence[str]) -> str:
    """Return the content of a file that is put into a document by its path, without its suffix."""
    return "% \\usepackage[T1]{fontenc} \\usepackage{booktabs} and \\input this file\n" + "\n".join(floats)


def preview(title: str, names: Sequence[str]) -> str:
    """Return a document that shows files of this folder: ``pdflatex preview`` there."""
    inputs = "\n".join(rf"\input{{{name}}}" for name in names)
    return (
        "\\documentclass[10pt,twocolumn]{article}\n\\usepackage[T1]{fontenc}\n\\usepackage{booktabs}\n"
        "\\usepackage{siunitx}\n\\extrafloats{100}\n\\begin{document}\n"
        f"{escape(title)}\n\\clearpage\n{inputs}\n\\end{{document}}\n"
    )
