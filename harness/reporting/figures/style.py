"""One look for all figures: sizes, fonts, colours that colour-blind readers and gray printers tell apart; saving."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from harness.foundation.files import atomic_path

COLUMN = 3.5
"""Inches of one column of a two-column paper."""

PAGE = 7.16
"""Inches of both columns."""

DPI = 200

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#6A3D9A", "#8C564B")
"""Okabe & Ito 2008, as recommended by Wong 2011 (Nature Methods 8:441), and two more."""

BASELINE_COLOR = "#4D4D4D"
REFERENCE_COLORS = ("#B3B3B3", "#8A8A8A", "#D0D0D0", "#6E6E6E")
BAD = "#a4262c"
"""Ink of what failed or is missing."""

HATCHES = ("", "///", "...", "xx", "\\\\\\", "++", "oo", "--", "**")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
DASHES: tuple[Any, ...] = (
    "-",
    *((0, pattern) for pattern in ((5, 1.5), (1.5, 1), (5, 1.5, 1, 1.5), (3, 1, 1, 1, 1, 1), (9, 2), (1, 3))),
    *((0, pattern) for pattern in ((9, 1.5, 3, 1.5), (5, 3))),
)

STYLE: Any = {
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "font.family": "DejaVu Sans",
    "font.size": 7.5,
    "text.parse_math": False,  # a $ in a name is a dollar sign
    "axes.titlesize": 8,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "patch.linewidth": 0.5,
    "hatch.linewidth": 0.4,
    "grid.color": "#D9DCE0",
    "grid.linewidth": 0.5,
    "pdf.fonttype": 42,
    "svg.hashsalt": "harness",
    "figure.constrained_layout.use": True,
}


@contextmanager
def styled(width: float, height: float) -> Iterator[Figure]:
    """Yield an empty figure of ``width`` x ``height`` inches under the common style."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height))
        FigureCanvasAgg(figure)
        yield figure


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write ``name.pdf`` and ``name.png`` below ``folder``, without dates, so that equal figures are equal bytes."""
    paths = [folder / f"{name}.pdf", folder / f"{name}.png"]
    metadata: list[dict[str, Any]] = [{"CreationDate": None, "Producer": None, "Creator": None}, {"Software": None}]
    for path, entries in zip(paths, metadata, strict=True):
        with atomic_path(path) as temporary:
            figure.savefig(temporary, metadata=entries)
    return paths


def drawable(text: str) -> str:
    """Return a name of a user's with what the font lacks spelled as its code point, on one line."""
    known = _letters()
    return "".join(c if ord(c) in known else f"[U+{ord(c):04X}]" for c in " ".join(text.split()))


@cache
def _letters() -> frozenset[int]:
    return frozenset(font_manager.get_font(font_manager.findfont(STYLE["font.family"])).get_charmap())


def say(figure: Figure, text: str) -> None:
    """Write in the middle of an otherwise empty figure why it is empty."""
    figure.text(0.5, 0.5, textwrap.fill(text, int(figure.get_figwidth() * 15)), ha="center", va="center")


def reach(extents: Sequence[float]) -> float:
    """Return how far an axis goes so that one value far away does not squeeze all others into a line.

    Extents are taken from the middle one on, in their order, while none is more than eight times the one before; 1
    without any. The chart of the page follows the same rule.
    """
    known = sorted(value for value in extents if np.isfinite(value))
    if not known:
        return 1.0
    place = (len(known) - 1) // 2
    while place + 1 < len(known) and known[place + 1] <= 8 * max(known[place], 1e-12):
        place += 1
    return known[place] or known[-1] or 1.0


def legend_above(figure: Figure, entries: Mapping[str, Any], most: int, **options: Any) -> None:
    """Put a legend above the axes, in as many columns as fit the width, and make the figure higher by its further rows.

    Args:
        figure: whose axes are laid out already.
        entries: name to handle; nothing is drawn without any.
        most: columns at most.
        options: of matplotlib's legend.
    """
    if not entries:
        return
    names = ["\n".join(textwrap.wrap(name, int(figure.get_figwidth() * 13)) or [name]) for name in entries]
    room = figure.get_figwidth() * figure.dpi

    def drawn(columns: int) -> Legend:
        return figure.legend(entries.values(), names, loc="outside upper center", ncols=columns, **options)

    columns = min(most, len(names))
    legend = drawn(columns)
    while columns > 1 and legend.get_window_extent().width > room:
        legend.remove()
        columns -= 1
        legend = drawn(columns)
    rows = -(-len(names) // columns) + sum(name.count("\n") for name in names)
    height = legend.get_window_extent().height / figure.dpi
    figure.set_figheight(figure.get_figheight() + height * (1 - 1 / rows))


class MethodStyle:
    """Colour, hatch, marker and dash of each method, by its place in the study: the same in every figure.

    Colours repeat after nine methods, and with each round the other marks move on by one: 81 methods differ.
    """

    def __init__(self, methods: Sequence[str], seedless: Sequence[str], baseline: str) -> None:
        self._seedless = {name: index for index, name in enumerate(seedless)}
        self._baseline = baseline
        own = [name for name in methods if name not in self._seedless and name != baseline]
        self._place = {name: index for index, name in enumerate(own)}

    def color(self, method: str) -> str:
        """Return an RGB hex colour; gray for what was not trained here, dark gray for the baseline."""
        if method in self._seedless:
            return REFERENCE_COLORS[self._seedless[method] // len(HATCHES) % len(REFERENCE_COLORS)]
        if method == self._baseline:
            return BASELINE_COLOR
        return PALETTE[self._place.get(method, 0) % len(PALETTE)]

    def hatch(self, method: str) -> str:
        """Return the pattern of bars."""
        return HATCHES[self._turn(method, 0) % len(HATCHES)]

    def marker(self, method: str) -> str:
        """Return the marker of points."""
        return MARKERS[self._turn(method, 1) % len(MARKERS)]

    def dash(self, method: str) -> Any:
        """Return the dash pattern of lines."""
        return DASHES[self._turn(method, 1) % len(DASHES)] if method in self._place else "-"

    def _turn(self, method: str, first: int) -> int:
        """Return which pattern a method has; ``first`` is that of the first trained method beside the baseline."""
        if method not in self._place:
            return self._seedless.get(method, 0)
        place = self._place[method]
        return place + place // len(PALETTE) + first
