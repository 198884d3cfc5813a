"""What the main thread does for an iteration is little beside what launching its batch takes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.slow
def test_launching_a_batch_is_not_the_main_threads() -> None:
    command = [sys.executable, "-m", "tests.emulated.host", "16", "adaptive_dropout"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for variant, found in json.loads(done.stdout).items():
        (least, median), (launching, _) = found["main thread"], found["launching a batch"]
        assert 0 < least <= median, variant
        assert least < launching / 2, (variant, found)
