"""Conformance holds the hooks of the step to their promises: each that is broken is named, by the command too."""

from __future__ import annotations

import pytest

from harness.regularizers.conformance.hooks import hooks_keep_their_promises
from harness.regularizers.conformance.networks import small_networks
from harness.regularizers.conformance.processes import two_processes_equal_one
from harness.regularizers.conformance.trial import Case
from tests.regularizers import planted_hooks
from tests.regularizers.test_conformance_command import call, found

MODULE = "tests.regularizers.planted_hooks"

PLANTED = {
    "OtherShape": "batch returns lr of shape (4, 3, 8, 7) torch.float32; return (4, 3, 8, 8) torch.float32, as it was",
    "InPlace": "batch changes lr in place; make a new tensor, and dataclasses.replace",
    "GlobalNoise": "batch draws from a global random state; draw from draws() in set_progress, or resumed runs differ",
    "Mixed": "batch makes an image of others of the batch; say mixes_rows = True, and find them by their rows with "
    "global_batch",
    "ConstantPenalty": "no gradient flows from penalty: the loss changes and nothing learns; do not detach or call "
    "item()",
    "LossOfEach": "loss returns torch.float32 of shape (4,); return a float32 tensor without dimensions",
    "LossNotANumber": "loss returns nan at iteration 1 of 100; guard divisions and roots",
    "LossDetached": "no gradient flows from loss: nothing learns from the images; do not detach or call item()",
    "Never": "gradients never calls backward: nothing learns; call it, and return what it returned",
    "Twice": "gradients calls backward twice at the same weights: the second gives what the first gave",
    "Astray": "gradients leaves other weights than it found; put back the very same, from a copy",
    "WithoutParts": "gradients returns a NoneType; return what backward returned",
    "Copied": "state gives another tensor as 'mean' at each call; keep one, and change it in place",
    "Late": "state names mean at some times only; make all of its tensors in attach",
    "CleanCut": "clean returns images of shape (4, 3, 32, 31) torch.float32; return (4, 3, 32, 32) torch.float32",
    "CleanInPlace": "clean changes the images in place, which are the targets; return others",
    "CleanLate": "clean depends on set_progress, but batches are made ahead of their step; use the draws it is given",
    "CleanGlobalNoise": "clean draws from a global random state; use the draws it is given, or resumed runs differ",
    "CleanMixed": "clean makes an image of others of the batch; let each depend on itself and its row alone",
}
FORGOTTEN = (
    "an iteration depends on those before it (self._mean differs); make set_progress a function of fraction and "
    "draws(), or keep what steps change in tensors that state() names"
)
SHARE = (
    "in two processes the mean of the gradients of the loss differs; use mean_over_processes for statistics of the "
    "batch, global_batch for images of others"
)


def case_of(name: str) -> Case:
    regularizer = getattr(planted_hooks, name)
    return Case(regularizer, regularizer.Options(), small_networks()["srresnet_small"])


@pytest.mark.parametrize("name", PLANTED)
def test_the_broken_promise_is_all_that_is_told(name: str) -> None:
    (told,) = hooks_keep_their_promises(case_of(name))
    assert told.startswith(PLANTED[name])


@pytest.mark.parametrize("name", ["Remembering", "MixedShare", "Forgotten"])
def test_who_keeps_them_is_not_named(name: str) -> None:
    assert list(hooks_keep_their_promises(case_of(name))) == []


def test_partners_of_the_own_process_are_found_in_two() -> None:
    cases = {name: case_of(name) for name in ("Remembering", "MixedShare")}
    assert list(two_processes_equal_one(cases)) == [("MixedShare", SHARE)]


@pytest.mark.slow
def test_the_command_names_a_broken_hook_once_for_all_networks(capsys: pytest.CaptureFixture[str]) -> None:
    status, text = call(capsys, f"{MODULE}:Twice")
    (line,) = found(text)
    assert status == 2
    assert f"Twice on srresnet_small, rrdb_small, swinir_small: {PLANTED['Twice']}" in line


@pytest.mark.slow
def test_what_a_state_misses_is_named_by_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    status, text = call(capsys, f"{MODULE}:Forgotten", "--network", "srresnet_small", "--no-processes")
    assert status == 2
    assert FORGOTTEN in text
    assert "a run that goes on from saved weights differs from one that was not stopped (self._mean differs)" in text


@pytest.mark.slow
def test_a_state_that_is_named_conforms(capsys: pytest.CaptureFixture[str]) -> None:
    status, text = call(capsys, f"{MODULE}:Remembering", "--network", "srresnet_small", "--no-processes")
    assert (status, text) == (0, f"{MODULE}:Remembering: conforms on srresnet_small, in one process\n")


@pytest.mark.thorough
@pytest.mark.parametrize("name", PLANTED)
def test_each_broken_promise_is_named_by_the_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = call(capsys, f"{MODULE}:{name}", "--network", "srresnet_small", "--no-processes")
    assert status == 2
    assert any(f"{name} on srresnet_small: {PLANTED[name]}" in line for line in found(text)), text
