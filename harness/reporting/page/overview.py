"""The index over all reports: one page, built from what each report says of itself in its head."""

from __future__ import annotations

import json
import math
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
from markupsafe import Markup

from harness.foundation.files import write_text
from harness.reporting.rows.compared import AVERAGE, Study
from harness.reporting.rows.labels import metric_label
from harness.reporting.templates import page

NAME = "harness-overview"
"""The name of the ``<meta>`` element in a report's head."""

_HEAD = 1 << 16  # characters of a report in which the element lies
_ROW = Markup("<tr><th scope='row'><a href='{}'>{}</a></th>{}</tr>")
_KEYS = ("networks", "seeds", "metric", "baseline", "controls")
_COLUMNS = ("experiment", "report written", "networks", "seeds", "metric", "baseline", "controls")


def entry(rows: pd.DataFrame, study: Study) -> str:
    """Return what the index shows of an experiment, as JSON.

    Args:
        rows: of the main table; see :func:`harness.reporting.statistics.summary.summarize`.
        study: the experiment.
    """
    columns = rows["column"]
    average = rows[columns == (AVERAGE if (columns == AVERAGE).any() else columns.iloc[0])]
    label, several = metric_label(study.metrics[0]), len(study.networks) > 1
    shown: dict[str, list[str]] = {"baseline": [], "controls": []}
    for row in average.to_dict("records"):
        method, network, mean = str(row["method"]), str(row["network"]), float(row["mean"])
        if not math.isfinite(mean) or method not in (study.baseline, *study.references):
            continue
        named = several and (method == study.baseline or method == "untrained")
        text = f"{method}{f' ({network})' if named else ''} {label.value(mean)}"
        kind = "baseline" if method == study.baseline else "controls"
        shown[kind] += [text] if text not in shown[kind] else []
    told = {"networks": list(study.networks), "seeds": list(map(str, study.seeds)), "metric": [label.axis], **shown}
    return json.dumps(told, ensure_ascii=True)


def write_overview(reports: Path) -> Path:
    """Write ``index.html`` over all folders of ``reports`` that have a report, and return it.

    The page loads nothing. Reports that say nothing of themselves, as earlier versions wrote them, have a link alone.
    Where a report came while the page was written, it is written again: of several processes, the last one has all.
    """
    target = reports / "index.html"
    there = _there(reports)
    while True:
        write_text(target, _page([path for path, *_ in there]))
        if there == (now := _there(reports)):
            return target
        there = now


def _there(reports: Path) -> list[tuple[Path, int, int]]:
    """Return all reports, with what tells a new one at the same place: inode and time in nanoseconds."""
    found = ((path, path.stat()) for path in sorted(reports.glob("*/report.html")))
    return [(path, status.st_ino, status.st_mtime_ns) for path, status in found]


def _page(found: list[Path]) -> str:
    rows = Markup("").join(_row(path) for path in found) or Markup("<tr><td>no reports yet</td></tr>")
    head = Markup("").join(Markup("<th scope='col'>{}</th>").format(name) for name in _COLUMNS)
    note = "The values are averages of each experiment's main table. Other images or scales give other values."
    body = Markup(
        "<p>{}</p><div class='scroll'><table class='sortable'><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
    ).format(note, head, rows)
    return page("Experiments", body)


def _row(path: Path) -> Markup:
    name, told = path.parent.name, _told(path)
    date = datetime.fromtimestamp(path.stat().st_mtime).strftime("%Y-%m-%d %H:%M")
    cells = [date, *(", ".join(map(str, told.get(key, ()))) or "–" for key in _KEYS)]
    return _ROW.format(f"{quote(name)}/report.html", name, Markup("").join(map(Markup("<td>{}</td>").format, cells)))


class _Meta(HTMLParser):
    """Finds the content of the element."""

    content = "{}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "meta" and found.get("name") == NAME:
            self.content = found.get("content") or "{}"


def _told(path: Path) -> dict[str, Any]:
    with path.open(encoding="utf-8", errors="replace") as stream:
        parser = _Meta()
        parser.feed(stream.read(_HEAD))
    try:
        told = json.loads(parser.content)
    except ValueError:
        return {}
    return told if isinstance(told, dict) and all(isinstance(value, list) for value in told.values()) else {}
