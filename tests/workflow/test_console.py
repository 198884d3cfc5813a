"""What Snakemake prints: whole lines, the time left, and after Ctrl-C a short ending that hides no other error."""

from __future__ import annotations

import logging
import os
import pty
import select
import signal
import sys
import time
from types import SimpleNamespace

import pytest

from harness.workflow.console import Console
from tests.workflow.conftest import DEMO, Checkout, environment

ASKED = "Terminating processes on user request, this might take some time."
BY_SIGNAL = "CalledProcessError in file x:\nCommand 'set -e; train --run b' returned non-zero exit status 130."
BY_MISTAKE = "CalledProcessError in file x:\nCommand 'set -e; train --run a' returned non-zero exit status 2."
WRONG = ("job_error", "Error in rule train, of run a:", "train --run a")
STOPPED = ("job_error", "Error in rule train, of run b:", "train --run b")
ENDED = "WorkflowError:\nAt least one job did not complete successfully."


def printed(*messages: tuple[str, ...]) -> str:
    """Return what is printed of messages: the event, the text and, of a job's error, the job's command."""
    console = Console(logging.Formatter("%(message)s"), "demo", lambda: "about 3 h 05 min left")
    text = ""
    for event, message, *command in messages:
        record = logging.LogRecord("snakemake", logging.INFO, "", 0, message, None, None)
        record.event = SimpleNamespace(value=event)
        record.shellcmd = command[0] if command else None
        text += console.format(record)
    return text


def test_a_message_and_its_line_end_are_one_piece_with_the_time_left() -> None:
    assert printed(("progress", "3 of 5 steps (60%) done")) == "3 of 5 steps (60%) done; about 3 h 05 min left\n"
    assert printed(("", "None"), ("", "")) == ""


def test_after_ctrl_c_only_what_was_not_the_stop_itself_is_told() -> None:
    quiet = printed(("", ASKED), ("", BY_SIGNAL), STOPPED, ("", ENDED))
    assert quiet.splitlines() == [
        "demo: stopping; jobs at work save what they have, which takes seconds",
        "demo: stopped; the same command goes on from here",
    ]
    two = [("", BY_SIGNAL), ("", "Shutting down"), ("", BY_SIGNAL), STOPPED, STOPPED]
    assert "Error" not in printed(("", ASKED), *two, ("", ENDED)), "in whatever order their threads tell it"
    told = printed(("", ASKED), ("", BY_MISTAKE), WRONG, ("", ENDED))
    assert BY_MISTAKE in told
    assert "Error in rule train, of run a:" in told
    both = printed(("", BY_MISTAKE), ("", ASKED), ("", BY_SIGNAL), WRONG, STOPPED, ("", ENDED))
    assert both.count("Error in rule") == 1, "of the job that failed before, though its error comes after the signal"
    assert "Error in rule train, of run a:" in both
    assert BY_SIGNAL in printed(("", BY_SIGNAL)), "a job that somebody else killed is told"


@pytest.mark.thorough
@pytest.mark.slow
def test_ctrl_c_in_a_terminal_ends_the_workflow_without_a_wall_of_errors(fresh: Checkout) -> None:
    fresh.replace(DEMO, "iterations: 25", "iterations: 100000")
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", DEMO, "train"]
    command = [*command[:-3], "train", *command[-3:-1]]
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(fresh.root)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # as in a terminal; tests in the background ignore it
        os.execve(command[0], command, environment())
    text, asked, patience = "", False, time.monotonic() + 200
    while time.monotonic() < patience:
        if select.select([terminal], [], [], 1)[0]:
            try:
                text += os.read(terminal, 4096).decode(errors="replace")
            except OSError:  # the other end is closed
                break
        if not asked and text.count("iteration 5/") == 2:  # both jobs listen to signals by now
            os.write(terminal, b"\x03")
            asked = True
    else:
        os.killpg(child, signal.SIGKILL)
    os.kill(child, signal.SIGCONT)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == 1, text
    after = text.partition(": stopping; ")[2]
    assert "state saved; run again to go on" in after, text
    assert "demo: stopped; the same command goes on from here" in after
    assert "Error" not in after
