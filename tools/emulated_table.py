"""Writes the generated part of docs/performance.md: what each stage asks of a GPU, and what it would take by a model.

    python -m tools.emulated_table

The counts are those of the emulated suite (tests/emulated/counts.json), and of the same suite when it was first run
(before.json there). Nothing of it is measured.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"
COUNTS = ROOT / "tests" / "emulated" / "counts.json"
BEFORE = COUNTS.with_name("before.json")

_PART = re.compile(r"(<!-- generated: (model_\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_ITERATIONS = 500_000
_VARIANTS = {
    "paper": "baseline",
    "paper_dropout": "Dropout",
    "paper_adaptive_dropout": "Adaptive Dropout",
    "paper_simple_align": "Simple-Align",
}

Counts = dict[str, dict[str, dict[str, float]]]


def stages(now: Counts, before: Counts) -> str:
    """Return the table of stages: kernels, bytes, GFLOP and milliseconds of each, at first and now."""
    lines = [
        "| stage | kernels | MB | GFLOP | model, ms | model with tf32, ms |",
        "|---|---|---|---|---|---|",
    ]
    rows = [("degradation", part, f"degradation: {part}") for part in now["degradation"] if part != "small sides"]
    rows += [("paper", "batch", "**a batch, all of it**"), ("paper_later_arm", "batch", "a batch from kept images")]
    for case, variant in _VARIANTS.items():
        rows += [(case, "step", f"step, {variant}"), (f"{case}_bf16", "step", f"step, {variant}, bf16")]
    rows += [(case, "step", f"step, `{case}`, batch 2, patch 64") for case in ("rrdb_small", "swinir_small")]
    rows += [("swinir", "step", "step, `swinir`, batch 16, patch 128")]
    rows += [("evaluation", part, f"evaluation, {part} of 64 x 48 in two versions") for part in now["evaluation"]]
    rows += [("analysis", part, f"analysis, {part}, an image of 16 x 24") for part in now["analysis"]]
    for case, part, name in rows:
        cells = [_change(before.get(case, {}).get(part, {}), now[case][part], key) for key in _KEYS]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def iterations(now: Counts, before: Counts) -> str:
    """Return the table of whole iterations: a batch and a step, one after the other, and hours of 500,000."""
    lines = [
        "| iteration | fp32, ms | tf32, ms | bf16, ms | hours of 500,000 in tf32, bf16 |",
        "|---|---|---|---|---|",
    ]
    for case, variant in _VARIANTS.items():
        rows = [(f"{variant}, first arm", case)]
        if case == "paper":
            rows.append((f"{variant}, a later arm", "paper_later_arm"))
        for name, batch in rows:
            sums = [_milliseconds(counts, case, batch) for counts in (before, now)]
            cells = [_arrow(one, other, ".1f") for one, other in zip(sums[0], sums[1], strict=True)]
            hours = ", ".join(f"{value * _ITERATIONS / 3.6e6:.2f}" for value in sums[1][1:] if value is not None)
            lines.append(f"| {name} | {' | '.join(cells)} | {hours} |")
    return "\n".join(lines)


_KEYS = {"kernels": ".0f", "megabytes": ".0f", "gflop": ".1f", "ms_fp32": ".2f", "ms_tf32": ".2f"}


def _milliseconds(counts: Counts, case: str, batch: str) -> list[float | None]:
    if batch not in counts:
        return [None] * 3
    making = counts[batch]["batch"]["ms_fp32"]
    steps = counts[case]["step"]["ms_fp32"], counts[case]["step"]["ms_tf32"], counts[f"{case}_bf16"]["step"]["ms_fp32"]
    return [making + step for step in steps]


def _change(before: dict[str, float], now: dict[str, float], key: str) -> str:
    return _arrow(before.get(key), now[key], _KEYS[key])


def _arrow(before: float | None, now: float | None, form: str) -> str:
    shown = [format(value, form) for value in (before, now) if value is not None]
    return " to ".join(dict.fromkeys(shown))


def page(text: str) -> str:
    """Return the text of the page with its generated parts made anew."""
    now, before = (_cases(path) for path in (COUNTS, BEFORE))
    makers = {"model_stages": stages, "model_iterations": iterations}
    return _PART.sub(lambda match: f"{match[1]}{makers[match[2]](now, before)}\n{match[3]}", text)


def _cases(path: Path) -> Counts:
    read: Any = json.loads(path.read_text(encoding="utf-8"))
    cases: Counts = read["cases"]
    return cases


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
