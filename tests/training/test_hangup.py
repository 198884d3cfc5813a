"""A closed terminal: the run saves what it has, although there is nowhere left to say so."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from harness.foundation import layout
from tests.bad_inputs.case import BASE
from tests.conftest import ROOT

EXPERIMENT = "mine.yaml"
RUN = "srresnet_tiny.baseline.s0"


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "harness", *arguments]


@pytest.mark.usefixtures("hangups_count")
def test_a_closed_terminal_loses_nothing(tmp_path: Path) -> None:
    settings = {"iterations: 4": "iterations: 100000", "heldout_every: 4": "heldout_every: 100000"}
    text = BASE
    for old, new in settings.items():
        text = text.replace(old, new)
    (tmp_path / EXPERIMENT).write_text(text)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    for dataset in ("embedded_train", "embedded_heldout"):
        subprocess.run(command("pack", EXPERIMENT, dataset), cwd=tmp_path, env=environment, check=True)

    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))  # in a terminal without columns the bar shows nothing
    train = command("train", EXPERIMENT, "--run", RUN)
    process = subprocess.Popen(
        train, cwd=tmp_path, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown, patience = b"", time.monotonic() + 120
    while b"it/s" not in shown and time.monotonic() < patience:  # the bar moves
        if select.select([ours], [], [], 1)[0]:
            shown += os.read(ours, 4096)
    os.close(ours)  # from here on every write fails
    time.sleep(0.2)
    process.send_signal(signal.SIGHUP)
    try:
        assert process.wait(60) == 128 + signal.SIGHUP
    finally:
        process.kill()
    assert b"it/s" in shown
    states = list((tmp_path / layout.STATE).glob("*/iteration-*.state"))
    assert states, "no state was saved"


def test_who_ignores_the_signal_goes_on() -> None:
    from harness.training.interrupts import Interrupts

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            signal.raise_signal(signal.SIGHUP)
            assert interrupts.signal == 0
    finally:
        signal.signal(signal.SIGHUP, before)
