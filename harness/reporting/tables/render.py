"""The comparison table as Markdown (for a terminal), LaTeX and HTML."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence

import numpy as np

from harness.reporting.rows.compared import AVERAGE
from harness.reporting.rows.labels import method_label
from harness.reporting.statistics.comparison import Cell, Comparison
from harness.reporting.tables import latex as tex
from harness.reporting.tables.formats import WIDTH, markdown_escape, padded_table, wrap


def markdown(table: Comparison) -> str:
    """Return values and differences as Markdown, no wider than a terminal of 120 columns."""
    parts = [f"## {markdown_escape(table.heading)}\n"]
    parts += [wrap(markdown_escape(text)) + "\n" for text in (*table.warnings, table.caption, table.letters) if text]
    parts += [_titled(table, network, _values(table, rows)) for network, rows in table.blocks.items()]
    gains = [_titled(table, network, text) for network, rows in table.blocks.items() if (text := _gains(table, rows))]
    if gains:
        parts += [wrap(markdown_escape(table.gain_caption)) + "\n", *gains]
    parts += [wrap(markdown_escape(note)) + "\n" for note in table.notes]
    return "\n".join(parts)


def _titled(table: Comparison, network: str, text: str) -> str:
    return text if len(table.blocks) == 1 else f"### {markdown_escape(network)}\n\n{text}"


def _values(table: Comparison, rows: dict[str, tuple[Cell, ...]]) -> str:
    """Methods down, degradations (or data sets) across; room for markers is kept so that digits stay aligned."""
    bold = any(cell.bold or cell.second for cells in rows.values() for cell in cells)
    header = [table.short(name) for name in table.columns]
    body = [[_padded(cell, bold) for cell in cells] for cells in rows.values()]
    return _split("method", list(rows), header, body)


def _padded(cell: Cell, bold: bool) -> str:
    text = cell.value + ("°" if cell.partial else "")
    if cell.bold:
        return f"**{text}**"
    if cell.second:
        return f"<u>{text}</u>"
    return f"{text}  " if bold and np.isfinite(cell.number) else text


def _gains(table: Comparison, rows: dict[str, tuple[Cell, ...]]) -> str:
    """Degradations (or data sets) down, methods across, so that each interval can be written out."""
    methods = [name for name in rows if name != table.baseline]
    if not any(cell.gain for name in methods for cell in rows[name]):
        return ""
    names = [table.short(name) for name in table.columns]
    body = [[_interval(rows[name][index]) for name in methods] for index in range(len(table.columns))]
    return _split(table.kind, names, methods, body)


def _interval(cell: Cell) -> str:
    if not cell.gain:
        return cell.value if not np.isfinite(cell.number) else ""
    interval = f" [{cell.low}, {cell.high}]" if cell.low else ""
    return f"{cell.gain}{interval}{'*' if cell.star else ' '}"


def _split(corner: str, names: list[str], header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Return one Markdown table, or several below each other if the columns do not fit the terminal.

    ``names`` and ``header`` are plain text, ``body`` is Markdown.
    """
    names, header = [markdown_escape(name) for name in names], [markdown_escape(head) for head in header]
    widths = [max(3, len(head), *(len(row[index]) for row in body)) + 3 for index, head in enumerate(header)]
    room = WIDTH - max(len(name) for name in [corner, *names]) - 4
    tables = []
    for group in tex.chunks(widths, room):
        rows = [[name, *(row[index] for index in group)] for name, row in zip(names, body, strict=True)]
        numeric = frozenset(range(1, len(group) + 1))
        tables.append(padded_table([[corner, *(header[index] for index in group)], *rows], numeric))
    return "\n".join(tables)


def latex(table: Comparison, mark: str) -> str:
    """Return a ``table*`` with the label ``mark``: the values, and below them the differences with their intervals."""
    names = [table.short(name) for name in table.columns]
    several = len(table.blocks) > 1
    blocks = [
        (network, [(method_label(method), [_latex_value(cell) for cell in cells]) for method, cells in rows.items()])
        for network, rows in table.blocks.items()
    ]
    every = [cells for rows in table.blocks.values() for cells in rows.values()]
    widths = [max(len(cells[index].value) for cells in every) for index in range(len(names))]
    values = _tabulars("", names, widths, blocks, several)
    gains = []
    for network, rows in table.blocks.items():
        methods = [name for name in rows if name != table.baseline and any(cell.gain for cell in rows[name])]
        lines = [(name, [_latex_gain(rows[method][index]) for method in methods]) for index, name in enumerate(names)]
        widths = [max(len(_interval(cell)) for cell in rows[method]) for method in methods]
        heads = [method_label(name) for name in methods]
        gains += _tabulars(table.kind, heads, widths, [(network, lines)], several) if methods else []
    below = f"Below: {_lower(table.gain_caption)}" if gains else ""
    legend = (*table.warnings, table.caption, table.letters, below, *table.notes)
    return tex.float_of(mark, table.brief, [*values, *gains], legend)


def _tabulars(
    corner: str,
    names: Sequence[str],
    widths: Sequence[int],
    blocks: Sequence[tuple[str, Sequence[tuple[str, Sequence[str]]]]],
    titled: bool,
) -> list[str]:
    """Return tabulars that fit the width of the text; ``blocks`` are networks with named rows."""
    first = max(len(name) for _, rows in blocks for name, _ in [(corner, ()), *rows])
    room = [max(width, len(name)) + tex.GAP for width, name in zip(widths, names, strict=True)]
    parts = []
    for group in tex.chunks(room, tex.ROOM - first):
        header = [tex.escape(corner), *(tex.escape(names[index]) for index in group)]
        body = [
            (tex.escape(network) * titled, [[tex.escape(name), *(cells[i] for i in group)] for name, cells in rows])
            for network, rows in blocks
        ]
        parts.append(tex.tabular("l" + "r" * len(group), header, body))
    return parts


def _latex_value(cell: Cell) -> str:
    text = tex.escape(cell.value + ("°" if cell.partial else ""))
    if cell.bold:
        return rf"\textbf{{{text}}}"
    return rf"\underline{{{text}}}" if cell.second else text


def _latex_gain(cell: Cell) -> str:
    if not cell.gain:
        return "" if np.isfinite(cell.number) else tex.escape(cell.value)
    interval = rf"\ [{cell.low}, {cell.high}]" if cell.low else ""
    star = "^{*}" if cell.star else r"^{\phantom{*}}"
    return f"${cell.gain}{interval}{star}$"


def html_table(table: Comparison) -> str:
    """Return a ``<table>``: under each value its difference; intervals as titles; sort keys in ``data-sort``."""
    head = "".join(f'<th scope="col" class="n">{html.escape(table.title(name))}</th>' for name in table.columns)
    body = "\n".join(_html_rows(table))
    notes = "".join(f" {html.escape(note)}" for note in (*table.warnings, *table.notes))
    caption = f"{html.escape(table.caption)} Below: {html.escape(_lower(table.gain_caption))}{notes}"
    return (
        f'<table class="sortable comparison">\n<caption><span>{caption}</span></caption>\n'
        f'<thead><tr><th scope="col">method</th>{head}</tr></thead>\n{body}\n</table>\n'
    )


def _html_rows(table: Comparison) -> Iterator[str]:
    for network, rows in table.blocks.items():
        yield "<tbody>"
        if len(table.blocks) > 1:
            span = f'scope="rowgroup" colspan="{len(table.columns) + 1}"'
            yield f'<tr class="block"><th {span}>{html.escape(network)}</th></tr>'
        for method, cells in rows.items():
            line = "".join(_html_cell(cell, table.columns[index]) for index, cell in enumerate(cells))
            yield f'<tr><th scope="row">{html.escape(method_label(method))}</th>{line}</tr>'
        yield "</tbody>"


def _html_cell(cell: Cell, column: str) -> str:
    kind = "n" + (" avg" if column == AVERAGE else "") + ("" if np.isfinite(cell.number) else " bad")
    sort = f' data-sort="{cell.number:.6f}"' if np.isfinite(cell.number) else ""
    value = html.escape(cell.value)
    value = f"<strong>{value}</strong>" if cell.bold else f"<u>{value}</u>" if cell.second else value
    partial = f'<sup title="seeds with values">{cell.partial}</sup>' if cell.partial else ""
    if not cell.gain:
        return f'<td class="{kind}"{sort}>{value}{partial}</td>'
    interval = f"<br>[{cell.low}, {cell.high}]" if cell.low else ""
    star = "<sup>*</sup>" if cell.star else ""
    return f'<td class="{kind}"{sort}>{value}{partial}<small>{cell.gain}{star}{interval}</small></td>'


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
