"""The path of CUDA without a GPU: a pretended device on which tensors have sizes and no values.

No tensor of the host meets one of the device (such operations raise), no step reads a value back or waits for a copy,
nothing of the host is captured. What each stage asks of the device stands in counts.json: a change that launches more
is seen there. `HARNESS_WRITE_COUNTS=1 python -m pytest tests/emulated` writes that file anew.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.foundation.files import exclusive
from tests.conftest import ROOT
from tests.emulated import device

SNAPSHOT = Path(__file__).with_name("counts.json")

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.emulated,
    pytest.mark.slow,
    pytest.mark.skipif(device.compiler() is None, reason="no C++ compiler (CXX) to build the pretended device with"),
    pytest.mark.skipif(torch.version.cuda is not None, reason="torch with CUDA: the gpu tests are for it"),
]

Found = dict[str, dict[str, dict[str, Any]]]


@pytest.fixture(scope="session")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What all cases asked of the device: built and run once, in a process of its own, whichever test asks first."""
    workers = os.environ.get("PYTEST_XDIST_WORKER")
    folder = tmp_path_factory.getbasetemp().parent if workers else tmp_path_factory.mktemp("emulated")
    output = folder / "emulated.json"
    with exclusive(folder / "emulated.lock", "waiting for the pretended device"):
        if not output.is_file():
            device.build(folder / "device.so")
            command = [sys.executable, "-m", "tests.emulated", str(folder / "device.so"), str(output)]
            run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            assert run.returncode == 0, run.stderr[-4000:]
    result: Found = json.loads(output.read_text())
    return result


def test_no_copy_waits_and_nothing_of_the_host_is_captured(found: Found) -> None:
    assert _noted(found, "problems") == set()


def test_no_step_reads_a_value_back(found: Found) -> None:
    assert _noted(found, "reads") == set()


def test_evaluation_waits_once_per_image_and_metric(found: Found) -> None:
    (part,) = found["evaluation"].values()
    images, versions, metrics = 2, 2, 3
    assert len(part["reads"]) == images * versions * (1 + metrics), part["reads"]  # whether it is finite, and values


def test_every_stage_asks_for_what_it_did(found: Found) -> None:
    counts = {case: {name: part["counts"] for name, part in parts.items()} for case, parts in found.items()}
    snapshot = {"torch": torch.__version__.split("+")[0], "cases": counts}
    if os.environ.get("HARNESS_WRITE_COUNTS"):
        SNAPSHOT.write_text(_lines(snapshot))
    expected = json.loads(SNAPSHOT.read_text())
    if expected["torch"] != snapshot["torch"]:
        pytest.skip(f"counted with torch {expected['torch']}, which may split operations otherwise")
    changed = {
        f"{case} {name}: {expected['cases'].get(case, {}).get(name)} before, {now} now"
        for case, parts in counts.items()
        for name, now in parts.items()
        if now != expected["cases"].get(case, {}).get(name)
    }
    assert not changed, "if that is meant, HARNESS_WRITE_COUNTS=1 python -m pytest tests/emulated\n" + "\n".join(
        changed
    )
    assert counts == expected["cases"], "a case or a stage is no longer counted"


def _noted(found: Found, kind: str) -> set[str]:
    """What was noted of training; evaluation and analysis may wait."""
    return {
        f"{case}, {name}: {note}"
        for case, parts in found.items()
        for name, part in parts.items()
        for note in part[kind]
        if case not in ("evaluation", "analysis")
    }


def _lines(snapshot: dict[str, Any]) -> str:
    """JSON with one stage on a line, so that a difference is read at a glance."""
    cases = []
    for case, parts in snapshot["cases"].items():
        stages = ",\n".join(f"      {json.dumps(name)}: {json.dumps(counts)}" for name, counts in parts.items())
        cases.append(f"    {json.dumps(case)}: {{\n{stages}\n    }}")
    listed = ",\n".join(cases)
    return f'{{\n  "torch": {json.dumps(snapshot["torch"])},\n  "cases": {{\n{listed}\n  }}\n}}\n'
