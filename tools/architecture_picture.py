"""Draws the rooms of the house floor by floor, with the arrows between them, as an SVG that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

WIDTH, HEIGHT, GAP, ROW, MARGIN = 128, 32, 40, 64, 12  # pixels: a box, the space beside it, from floor to floor
_STYLE = (
    "text{font:14px system-ui,sans-serif;fill:#1c1e21;text-anchor:middle}rect{fill:#eef1f8;stroke:#3f51b5}"
    "path{fill:none;stroke:#8a93a6;stroke-width:1.3}#tip path{fill:#8a93a6}"
    "svg{background:#fff}"
)


def picture(floors: Mapping[str, int], arrows: Iterable[tuple[str, str]]) -> str:
    """Return the drawing.

    Args:
        floors: of every room; the highest is drawn at the top.
        arrows: from a room to one below it.
    """
    pairs = sorted(arrows)
    column = _columns(floors, pairs)
    top = max(floors.values())
    x = {name: MARGIN + column[name] * (WIDTH + GAP) for name in floors}
    y = {name: MARGIN + (top - floor) * ROW for name, floor in floors.items()}
    width, height = max(x.values()) + WIDTH + MARGIN, max(y.values()) + HEIGHT + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}"'
        f' height="{height:.0f}" role="img"><title>Rooms, and which imports which</title><style>{_STYLE}</style>',
        '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 8 4 0 8z"/></marker>',
    ]
    for a, b in pairs:
        x1, y1, x2, y2 = x[a] + WIDTH / 2, y[a] + HEIGHT, x[b] + WIDTH / 2, y[b]
        bend = (y2 - y1) / 2
        parts.append(
            f'<path marker-end="url(#tip)" d="M{x1:.0f} {y1:.0f}C{x1:.0f} {y1 + bend:.0f} {x2:.0f} {y2 - bend:.0f}'
            f' {x2:.0f} {y2:.0f}"/>'
        )
    for name in sorted(floors):
        parts.append(f'<rect x="{x[name]:.0f}" y="{y[name]}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>')
        parts.append(f'<text x="{x[name] + WIDTH / 2:.0f}" y="{y[name] + 21}">{name.removeprefix("harness.")}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _columns(floors: Mapping[str, int], pairs: list[tuple[str, str]]) -> dict[str, int]:
    """Return a column for each room: below the room that imports it if that is free, else the first that is free.

    A column is taken from a room's floor down to the next room that it imports, so that a straight arrow meets none.
    """
    taken: dict[int, set[int]] = {}
    found: dict[str, int] = {}
    for name in sorted(floors, key=lambda one: (-floors[one], one)):
        above = [a for a, b in pairs if b == name]
        start = min((found[a] for a in above), default=0)
        low = min((floors[b] for a, b in pairs if a == name), default=floors[name] - 1)
        rows = set(range(low + 1, floors[name] + 1))
        column = next(c for c in (start, *range(len(floors))) if not rows & taken.get(c, set()))
        found[name] = column
        taken.setdefault(column, set()).update(rows)
    return found
