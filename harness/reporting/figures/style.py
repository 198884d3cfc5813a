"""One look for all figures: sizes, fonts, colours that colour-blind readers and gray printers tell apart; saving."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from harness.foundation.files import atomic_path

COLUMN = 3.5
"""Inches of one column of a two-column paper."""

PAGE = 7.16
"""Inches of both columns."""

DPI = 200

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#6A3D9A", "#8C564B")
"""Okabe & Ito 2008, as recommended by Wong 2011 (Nature Methods 8:441), and two more."""

BASELINE_COLOR = "#4D4D4D"
REFERENCE_COLOR = "#B3B3B3"
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


class MethodStyle:
    """Colour, hatch, marker and dash of each method, by its place in the study: the same in every figure."""

    def __init__(self, methods: Sequence[str], seedless: Sequence[str], baseline: str) -> None:
        self._seedless = {name: index for index, name in enumerate(seedless)}
        self._baseline = baseline
        own = [name for name in methods if name not in self._seedless and name != baseline]
        self._place = {name: index for index, name in enumerate(own)}

    def color(self, method: str) -> str:
        """Return an RGB hex colour; gray for what was not trained here, dark gray for the baseline."""
        if method in self._seedless:
            return REFERENCE_COLOR
        if method == self._baseline:
            return BASELINE_COLOR
        return PALETTE[self._place.get(method, 0) % len(PALETTE)]

    def hatch(self, method: str) -> str:
        """Return the pattern of bars."""
        place = self._place.get(method, self._seedless.get(method, 0))
        return HATCHES[place % len(HATCHES)]

    def marker(self, method: str) -> str:
        """Return the marker of points."""
        place = self._place[method] + 1 if method in self._place else self._seedless.get(method, 0)
        return MARKERS[place % len(MARKERS)]

    def dash(self, method: str) -> Any:
        """Return the dash pattern of lines."""
        return DASHES[(self._place[method] + 1) % len(DASHES)] if method in self._place else "-"
