"""The figures inside the page, each with its PDF and its data one click away: the page stays one file."""

from __future__ import annotations

import base64
import io
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from harness.reporting.figures.captions import CAPTIONS
from harness.reporting.files import figure_names
from harness.reporting.rows.compared import Study

SCHEDULE = "annealing"
"""The figure of how training was done, not of what came out."""

MOST_BYTES = 400_000
"""Of a PDF or of data inside the page; larger ones are named by their path beside the page."""

MOST_PNG = 300_000
"""Bytes of a PNG that loses nothing in the page; larger ones show photographs."""

_TYPES = {".pdf": ("application/pdf", "PDF"), ".csv": ("text/csv", "data (CSV)")}


@dataclass(frozen=True)
class Link:
    """A file behind a figure: what to call it when it is saved, its text, and its content as a data URI or its path."""

    file: str
    text: str
    target: str


@dataclass(frozen=True)
class Picture:
    """A figure in the page: its id, name, caption, image (data URI), width in CSS pixels, and the files behind it."""

    anchor: str
    title: str
    caption: str
    source: str
    width: int
    links: tuple[Link, ...]


def figures_of(study: Study, folder: Path, report: Path) -> list[Picture]:
    """Return the figures of results that were drawn, in the order of the report; a schedule is none."""
    found = (figure_of(folder, name, report) for name in figure_names(study) if name != SCHEDULE)
    return [shown for shown in found if shown is not None]


def figure_of(folder: Path, name: str, report: Path) -> Picture | None:
    """Return a figure of an experiment by its name, None if it was not drawn."""
    return picture(folder / f"{name}.png", f"figure-{name}", CAPTIONS[name], report, name)


def picture(path: Path, anchor: str, caption: str, report: Path, title: str = "") -> Picture | None:
    """Return the figure at ``path`` (PNG) with what lies beside it; None if it was not drawn.

    Args:
        path: of the figure.
        anchor: its id in the page.
        caption: what it shows.
        report: the folder of the page, from which links to large files lead.
        title: its name; without one, the anchor.
    """
    if not path.is_file():
        return None
    content = path.read_bytes()
    width = int.from_bytes(content[16:20], "big")
    files = [path.with_suffix(suffix) for suffix in _TYPES if path.with_suffix(suffix).is_file()]
    links = [_link(file, title or anchor, report) for file in files]
    return Picture(anchor, title or anchor, caption, _inside(content), width // 2, tuple(links))


def _inside(content: bytes) -> str:
    """Return a PNG as a data URI in WebP: without loss half the size; of photographs, with loss, a fifth."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(content)) as image:
        if len(content) <= MOST_PNG:
            image.save(buffer, "WEBP", lossless=True, method=3)
        else:
            image.convert("RGB").save(buffer, "WEBP", quality=85, method=4)
    return _uri("image/webp", buffer.getvalue())


def _link(path: Path, name: str, report: Path) -> Link:
    kind, text = _TYPES[path.suffix]
    content = path.read_bytes()
    beside = quote(Path(os.path.relpath(path, report)).as_posix())
    return Link(f"{name}{path.suffix}", text, _uri(kind, content) if len(content) <= MOST_BYTES else beside)


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
