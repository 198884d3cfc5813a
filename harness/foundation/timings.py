"""How long evaluations and analyses took: a small file each, for those who plan more. Results know nothing of it."""

from __future__ import annotations

import json
import os
from contextlib import suppress

from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.files import write_json
from harness.foundation.provenance import cpu_name


def note(name: str, evaluation: str, seconds: float, rows: int) -> None:
    """Keep how long an evaluation or analysis of one run, reference or model took. That this fails must end nothing.

    Args:
        name: of the run's, reference's or model's folder of metrics.
        evaluation: what was measured, as for :func:`harness.foundation.layout.evaluation_stem`, or the analyses' hash.
        seconds: of wall time.
        rows: that were written.
    """
    content = {"seconds": round(seconds, 1), "rows": rows, "cpu": cpu_name(), "cores": os.cpu_count()}
    with suppress(HarnessError, OSError):
        write_json(layout.timing(name, evaluation), content)


def seconds_of(name: str, evaluation: str) -> float | None:
    """Return how many seconds an evaluation or analysis took, None if that is not known."""
    try:
        return float(json.loads(layout.timing(name, evaluation).read_text())["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
