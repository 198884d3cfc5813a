"""What the hooks of a step promise: ``clean``, ``batch``, ``loss``, ``penalty``, ``gradients`` and ``state``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction

import torch
from torch import Tensor

from harness.foundation.rng import Draws
from harness.regularizers.batch import Batch
from harness.regularizers.conformance.batches import GROUND_TRUTHS
from harness.regularizers.conformance.effects import global_states, penalty_is_a_scalar
from harness.regularizers.conformance.trial import ITERATIONS, MOMENTS, SEED, Case, Trial

_OTHER = 1  # the ground truth that is changed to see who notices


def clean_keeps_its_promises(case: Case) -> Iterator[str]:
    """As many images as it was given, whatever the step has done; each a function of itself and of its row."""
    for iteration in MOMENTS:
        trial = Trial(case)
        draws = Draws(SEED, iteration, 0, trial.rows)
        truths = trial.source.truths
        before = truths.clone()
        seeds = global_states()
        ahead = trial.source.clean(truths, draws)
        if global_states() != seeds:
            yield "clean draws from a global random state; use the draws it is given, or resumed runs differ"
            return
        if problem := _unlike("clean", "images", ahead, truths):
            yield problem
            return
        if not torch.equal(truths, before):
            yield "clean changes the images in place, which are the targets; return others"
            return
        trial.regularizer.set_progress(Fraction(iteration, ITERATIONS))
        if not torch.equal(ahead, trial.source.clean(truths, draws)):
            yield "clean depends on set_progress, but batches are made ahead of their step; use the draws it is given"
            return
        others = _others(trial)
        if not torch.equal(ahead[others], trial.source.clean(_changed(truths, trial), draws)[others]):
            yield "clean makes an image of others of the batch; let each depend on itself and its row alone"
            return


def batch_keeps_its_promises(case: Case) -> Iterator[str]:
    """Other images in the same places; who makes them of others of the batch says so."""
    for iteration in MOMENTS:
        trial = Trial(case)
        trial.prepare(iteration)
        given = trial.batch
        before, seeds = {name: tensor.clone() for name, tensor in _parts(given).items()}, global_states()
        made = trial.regularizer.batch(given)
        if global_states() != seeds:
            yield "batch draws from a global random state; draw from draws() in set_progress, or resumed runs differ"
            return
        if not isinstance(made, Batch):
            yield f"batch returns a {type(made).__name__}; return dataclasses.replace(batch, lr=..., target=...)"
            return
        found = _parts(made)
        problems = [_unlike("batch", name, found.get(name), before[name]) for name in before]
        if any(problems):
            yield next(problem for problem in problems if problem)
            return
        if changed := [name for name in before if not torch.equal(_parts(given)[name], before[name])]:
            yield f"batch changes {changed[0]} in place; make a new tensor, and dataclasses.replace"
            return
        if not case.regularizer.mixes_rows and _mixes(case, iteration, found):
            yield (
                "batch makes an image of others of the batch; say mixes_rows = True, and find them by their rows with "
                "global_batch, or two processes see other pairs than one"
            )
            return


def loss_is_a_scalar(case: Case) -> Iterator[str]:
    """The data term must be what the step can add, log and descend along."""
    for iteration in MOMENTS:
        trial = Trial(case)
        trial.prepare(iteration)
        data = trial.forward().data
        if not isinstance(data, Tensor):
            yield f"loss returns a {type(data).__name__}; return a float32 tensor without dimensions"
            return
        if data.dim() or data.dtype != torch.float32:
            yield f"loss returns {data.dtype} of shape {tuple(data.shape)}; return a float32 tensor without dimensions"
            return
        if not data.requires_grad:
            yield "no gradient flows from loss: nothing learns from the images; do not detach or call item()"
            return
        if not data.isfinite():
            value = float(data.detach())
            yield f"loss returns {value} at iteration {iteration} of {ITERATIONS}; guard divisions and roots"
            return


def gradients_calls_backward(case: Case) -> Iterator[str]:
    """Once for each place in the space of weights, and the weights are afterwards what they were."""
    trial = Trial(case)
    trial.prepare(MOMENTS[1])
    batch = trial.regularizer.batch(trial.batch)
    start, places = _weights(trial), list[list[Tensor]]()

    def backward() -> Tensor:
        places.append(_weights(trial))
        return trial.attached.backward(batch)

    returned = trial.regularizer.gradients(backward)
    if not places:
        yield "gradients never calls backward: nothing learns; call it, and return what it returned"
        return
    if any(_equal(one, other) for number, one in enumerate(places) for other in places[:number]):
        yield (
            "gradients calls backward twice at the same weights: the second gives what the first gave, for twice the "
            "time; call it once, or move the weights between"
        )
    if not _equal(start, _weights(trial)):
        yield "gradients leaves other weights than it found; put back the very same, from a copy"
    if not isinstance(returned, Tensor) or returned.shape != (3,) or returned.requires_grad:
        yield f"gradients returns {_described(returned)}; return what backward returned"


def state_can_be_restored(case: Case) -> Iterator[str]:
    """The same names and the same tensors at any time, because a saved state is copied into them."""
    trial = Trial(case)
    first = dict(trial.regularizer.state())
    for name, value in first.items():
        if not isinstance(value, Tensor):
            yield f"state gives a {type(value).__name__} as {name!r}; keep it in a tensor, made in attach"
            return
    trial.learn(1)
    later = dict(trial.regularizer.state())
    if first.keys() != later.keys():
        names = ", ".join(sorted(first.keys() ^ later.keys()))
        yield f"state names {names} at some times only; make all of its tensors in attach"
        return
    moved = [name for name in first if later[name].data_ptr() != first[name].data_ptr()]
    if moved:
        yield f"state gives another tensor as {moved[0]!r} at each call; keep one, and change it in place"


def _mixes(case: Case, iteration: int, found: dict[str, Tensor]) -> bool:
    """Whether another ground truth in one place changes what :meth:`batch` makes of others."""
    trial = Trial(case)
    trial.prepare(iteration)
    batch = trial.batch
    altered = replace(batch, lr=_changed(batch.lr, trial), target=_changed(batch.target, trial))
    parts, others = _parts(trial.regularizer.batch(altered)), _others(trial)
    return any(not torch.equal(parts[name][others], found[name][others]) for name in parts)


def _parts(batch: Batch) -> dict[str, Tensor]:
    return {"lr": batch.lr, "target": batch.target, **batch.degradation}


def _unlike(hook: str, name: str, made: Tensor | None, given: Tensor) -> str | None:
    """Return what is wrong with a tensor that a hook returned in place of another."""
    if made is None:
        return f"{hook} leaves out {name}; use dataclasses.replace"
    if made.shape != given.shape or made.dtype != given.dtype:
        expected = f"{tuple(given.shape)} {given.dtype}"
        return f"{hook} returns {name} of shape {tuple(made.shape)} {made.dtype}; return {expected}, as it was given"
    if not made.isfinite().all():
        return f"{hook} returns {name} with values that are not finite; guard divisions and roots"
    return None


def _others(trial: Trial) -> list[int]:
    return [place for place, row in enumerate(trial.rows) if row % GROUND_TRUTHS != _OTHER]


def _changed(images: Tensor, trial: Trial) -> Tensor:
    others = set(_others(trial))
    places = [place for place in range(len(images)) if place not in others]
    changed = images.clone()
    changed[places] = 1 - changed[places]
    return changed


def _weights(trial: Trial) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in trial.parameters]


def _equal(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def _described(value: object) -> str:
    return f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"


_CHECKS: tuple[Callable[[Case], Iterator[str]], ...] = (
    clean_keeps_its_promises,
    batch_keeps_its_promises,
    loss_is_a_scalar,
    penalty_is_a_scalar,
    gradients_calls_backward,
    state_can_be_restored,
)


def hooks_keep_their_promises(case: Case) -> Iterator[str]:
    """Yield the problems of the first hook that has any: whatever else is wrong may follow from them."""
    for each in _CHECKS:
        found = list(each(case))
        yield from found
        if found:
            return
