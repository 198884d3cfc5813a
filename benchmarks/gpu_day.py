"""A day with a GPU in ten minutes: every claim about CUDA proven or refuted, the most valuable first.

    python -m benchmarks.gpu_day --minutes 10 --out DIR

writes ``DIR/<item>.json`` after each item: ``state`` (``holds``, ``refuted``, ``failed``, ``out of time``,
``skipped`` or ``left out``), what was found, and the text of an error. Each item is a process of its own with a limit
of time, so that one that fails or hangs takes no other with it, and all of them together keep to the minutes. It needs
torch and what the extra ``train`` names, and neither BasicSR nor Snakemake. ``--device cpu --small`` runs what can run
without a GPU at toy sizes, in one process: that is its test.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.arguments import positive
from benchmarks.gpu_items import ITEMS, Day, Refuted, Skipped
from harness.foundation.files import write_json
from harness.training.train import settle

START = 20.0
"""Seconds that a process may take to import torch, beyond its item's time."""

LEAST = 1.0
"""Seconds below which an item is left out: nothing can be measured in them."""


def carry_out(name: str, day: Day, out: Path) -> None:
    """Run one item and write its file; whatever it raises is written there."""
    item, _ = ITEMS[name]
    start = time.monotonic()
    written: dict[str, Any] = {"item": name, "claim": (item.__doc__ or name).splitlines()[0], "device": _device(day)}
    try:
        found = item(day)
        for part in [found] if isinstance(found, dict) else found:
            written["found"] = part
            write_json(out / f"{name}.json", written | {"state": "running"})
        written["state"] = "holds"
    except Skipped as reason:
        written |= {"state": "skipped", "error": str(reason)}
    except Refuted as error:
        written |= {"state": "refuted", "error": str(error)}
    except Exception as error:
        written |= {"state": "failed", "error": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()}
    write_json(out / f"{name}.json", written | {"seconds": time.monotonic() - start})


def isolated(name: str, day: Day, out: Path, limit: float) -> None:
    """Run one item in a process of its own; if it hangs or dies, what it had found stays and its end is written.

    Args:
        name: of the item.
        day: what it runs on, and the seconds that it should take.
        out: the folder of its file.
        limit: seconds after which it is stopped.
    """
    command = [sys.executable, "-m", "benchmarks.gpu_day", "--item", name, "--out", str(out)]
    command += ["--device", day.device, "--seconds", str(day.seconds), *(["--small"] if day.small else [])]
    path = out / f"{name}.json"
    path.unlink(missing_ok=True)
    try:
        done = subprocess.run(command, timeout=limit, capture_output=True, text=True)
        state, error = "failed", done.stderr[-4000:]
    except subprocess.TimeoutExpired as expired:
        state, error = "out of time", f"stopped after {expired.timeout:.0f} s"
    written = _read(path)
    if written.get("state", "running") == "running":
        write_json(path, {"item": name} | written | {"state": state, "error": error})


def main(arguments: list[str] | None = None) -> None:
    """Run the items in their order and print one line for each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_day", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=positive, default=10, help="for all items")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the JSON files")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda")
    parser.add_argument("--small", action="store_true", help="toy sizes, in one process")
    parser.add_argument("--items", nargs="+", choices=ITEMS, metavar="ITEM", help=f"of {', '.join(ITEMS)}")
    parser.add_argument("--item", choices=ITEMS, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=60.0, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: torch sees no GPU here; use --device cpu --small")
    chosen.out.mkdir(parents=True, exist_ok=True)
    if chosen.item:
        settle(1)
        carry_out(chosen.item, Day(chosen.device, chosen.small, chosen.seconds), chosen.out)
        return
    _all(chosen.items or list(ITEMS), chosen)


def _all(names: Sequence[str], chosen: argparse.Namespace) -> None:
    end = time.monotonic() + 60 * chosen.minutes
    shares = {name: ITEMS[name][1] for name in names}
    start, out_of_time = 0.0 if chosen.small else START, []
    for index, name in enumerate(names):
        left = end - time.monotonic()
        seconds = (left - start) * shares[name] / sum(list(shares.values())[index:])
        day = Day(chosen.device, chosen.small, seconds)
        if left - start < LEAST:
            out_of_time.append(name)
            error = f"{max(left, 0):.0f} s of {chosen.minutes} min were left"
            write_json(chosen.out / f"{name}.json", {"item": name, "state": "left out", "error": error})
        elif chosen.small:
            carry_out(name, day, chosen.out)
        else:
            isolated(name, day, chosen.out, min(2 * seconds + START, left))
        written = _read(chosen.out / f"{name}.json")
        error = (str(written.get("error", "")).strip().splitlines() or [""])[-1]
        print(f"{name:12} {written.get('state', '?'):12} {error}".rstrip(), flush=True)
    if out_of_time:
        print(f"left out for lack of time: {', '.join(out_of_time)}; run them by --items, or give more --minutes")


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _device(day: Day) -> str:
    return torch.cuda.get_device_name() if day.device == "cuda" else "no GPU"


if __name__ == "__main__":
    main()
