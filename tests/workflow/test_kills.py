"""Killed at any moment and started again, the demo ends with the bytes of one that was left in peace."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time

import pytest

from tests.workflow.conftest import Checkout, environment, run_demo

pytestmark = pytest.mark.slow

# Jobs that an attempt starts before it is killed; of twelve, in an order of Snakemake's choice.
KILLS = (2, 1, 3, 2)
LONGEST = 3.0  # seconds from the start of the last of them to the kill


def start_and_kill(checkout: Checkout, jobs: int, seconds: float) -> bool:
    """Kill the demo, and all it started, some seconds after its n-th job began; return whether it was still at work."""
    script = subprocess.Popen(
        ["sh", "tools/demo.sh"],
        cwd=checkout.root,
        env=environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert script.stdout is not None
    with script:
        for line in script.stdout:
            jobs -= line.startswith("Job ") and line.strip() != "Job stats:"
            if jobs == 0:
                time.sleep(seconds)
                break
        if script.poll() is None:
            os.killpg(script.pid, signal.SIGKILL)
        script.stdout.read()
        return script.wait() == -signal.SIGKILL


@pytest.mark.thorough
def test_a_demo_killed_again_and_again_ends_with_the_same_tables(finished_once: Checkout, fresh: Checkout) -> None:
    chosen = random.Random(0)
    kills = [start_and_kill(fresh, jobs, chosen.uniform(0, LONGEST)) for jobs in KILLS]
    assert sum(kills) >= 3, "most attempts must end by the kill"
    call = run_demo(fresh)
    assert call.status == 0, call.text
    compared = ("reports/*/tables/*", "results/demo/*", "results/runs/*/*.csv", "results/runs/*/*.safetensors")
    expected, found = finished_once.content(*compared), fresh.content(*compared)
    assert expected.keys() == found.keys()
    different = [path for path in expected if expected[path] != found[path]]
    assert [path for path in different if "cost." not in path] == []  # seconds differ from run to run
