"""``python -m harness conformance``: each promise that is broken is named, with the class's file and line."""

from __future__ import annotations

import inspect
import re
import sys

import pytest

from harness.commands.app import main
from tests.conftest import ROOT
from tests.regularizers import planted

MODULE = "tests.regularizers.planted"
FILE = "tests/regularizers/planted.py"

PLANTED = {
    "AFloat": "penalty returns a float; return a float32 tensor without dimensions, or None",
    "Detached": "no gradient flows from penalty: the loss changes and nothing learns; do not detach or call item()",
    "PerImage": "penalty returns torch.float32 of shape (4,); return a float32 tensor without dimensions",
    "Hidden": "self._scale acts on the loss, but parameters() does not yield it: it never learns and is not saved",
    "Idle": "no gradient reaches self._scale, which parameters() yields",
    "Counting": "an iteration depends on those before it (self._steps is 101, not 1); make set_progress a function of "
    "fraction and draws()",
    "CountingLong": "an iteration depends on those before it (self._steps is 101, not 1); make set_progress a function "
    "of fraction and draws()",
    "Misspelt": "penalti: no step calls a member of this name; is penalty meant? If not, begin it with _",
    "NoProperty": "views must be a property: write @property above it, or an attribute of the class",
    "Flipped": "an image's noise depends on which others are in the batch; use draws().uniform or .bulk by row",
    "Rolled": "an image's noise depends on which others are in the batch; use draws().uniform or .bulk by row",
    "Normalized": "an image's noise depends on which others are in the batch; use draws().uniform or .bulk by row",
    "Nothing": "it does nothing: at iterations 1, 50, 100 of 100 gradients and output are the plain network's; is a "
    "member misspelt, or an option 0?",
    "OfOne": "with 1 ground truth in a batch it does nothing and would be the baseline under another name; override "
    "least_ground_truths",
    "OtherRole": "raised HarnessError: taps: MSRResNet: no role 'first' here, but: features, last; add it to "
    "the network's entry in networks.yaml, or to the roles that the regularizer says it needs",
    "HostRead": "the step cannot be captured (a value is read back from a tensor, tests/regularizers/planted.py:188 in "
    "act_on); keep values on the device, or leave graph_safe at False",
    "AtTestTime": "in eval() the network gives other pixels than without it; act through taps, in training mode only",
    "Raising": "raised ValueError: no such thing",
}
IN_TWO_PROCESSES = {
    "Summed": "in two processes the penalty is half of what it is in one: it is a sum over images; take the mean, or "
    "multiply by process_count()",
    "OfItsOwnShare": "in two processes the mean of the gradients of the penalty differs; use mean_over_processes for "
    "statistics of the batch, global_batch for images of others",
}


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run the command in this process; return its status and what it says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["harness", "conformance", *arguments])
        patch.chdir(ROOT)
        with pytest.raises(SystemExit) as end:
            main()
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out + err


def line_of(name: str) -> int:
    return inspect.getsourcelines(getattr(planted, name))[1]


def found(text: str) -> list[str]:
    return text.removeprefix("error: ").splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_mistake_is_named(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = call(capsys, f"{MODULE}:{name}", "--network", "srresnet_small", "--no-processes")
    assert status == 2
    lines = found(text)
    start = rf"{re.escape(FILE)}:{line_of(name)}: {name}( on srresnet_small)?: "
    assert any(re.match(start + re.escape(PLANTED[name]), line) for line in lines), text
    assert len(lines) == len(set(lines)) <= 4


@pytest.mark.slow
@pytest.mark.parametrize("name", IN_TWO_PROCESSES)
def test_the_command_shares_a_batch_between_two_processes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = call(capsys, f"{MODULE}:{name}", "--network", "srresnet_small")
    assert status == 2
    assert f"{FILE}:{line_of(name)}: {name} on srresnet_small: {IN_TWO_PROCESSES[name]}" in found(text), text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Right", "SummedRight"])
def test_who_breaks_no_promise_conforms(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, f"{MODULE}:{name}", "--network", "srresnet_small") == (
        0,
        f"{MODULE}:{name}: conforms on srresnet_small\n",
    )


def test_what_raises_everywhere_is_told_once_with_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    status, text = call(capsys, f"{MODULE}:Raising")
    assert status == 2
    (only,) = found(text)
    networks = "srresnet_small, rrdb_small, swinir_small"
    lines, start = inspect.getsourcelines(planted.Raising.penalty)
    place = f"{FILE}:{start + len(lines) - 1} in penalty"
    assert only == f"{FILE}:{line_of('Raising')}: Raising on {networks}: raised ValueError: no such thing ({place})"


@pytest.mark.slow
def test_what_cannot_be_compiled_says_so_or_is_not_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = (f"{MODULE}:Deciding", "--network", "srresnet_small", "--no-processes")
    _, text = call(capsys, *arguments)
    assert "the hooks cannot be compiled (" in text
    assert text.rstrip().endswith("keep Python state out of hooks, or say compile_safe = False")
    monkeypatch.setattr(planted.Deciding, "compile_safe", False)
    _, text = call(capsys, *arguments)
    assert "compile" not in text.replace("compilation not checked", "")
