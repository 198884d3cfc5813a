"""The Jinja2 templates of the HTML pages; everything they need is inlined."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup

CONTENT_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""What browsers let our pages load: pictures inside the page, and nothing else."""

_FOLDER = Path(__file__).parent


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def _source(name: str) -> Markup:
    """Return the text of a style sheet or a script of this folder."""
    return Markup((_FOLDER / name).read_text(encoding="utf-8"))


def render_template(name: str, **values: object) -> str:
    """Render a template of this folder; values are escaped unless they are :class:`markupsafe.Markup`."""
    return _environment().get_template(name).render(source=_source, policy=CONTENT_POLICY, **values)


def page(title: str, body: str) -> str:
    """Return a small self-contained HTML page around tables, whose columns sort on a click."""
    return render_template("page.html.j2", title=title, body=Markup(body))
