"""What a regularizer does to a step: that it does something, what it may return, and what learns from it."""

from __future__ import annotations

from collections.abc import Iterator
from random import getstate
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from harness.regularizers.base import NoOptions, Regularizer
from harness.regularizers.baseline import Baseline
from harness.regularizers.conformance.batches import GROUND_TRUTHS
from harness.regularizers.conformance.trial import ITERATIONS, MOMENTS, Case, Step, Trial

_ROUNDING = 1e-6  # relative to the largest value


def does_something(case: Case) -> Iterator[str]:
    """It must differ from the baseline, in the smallest batch that it says it takes too."""
    regularizer = case.regularizer(case.options)
    if case.regularizer is Baseline:
        return
    least = regularizer.least_ground_truths
    if least > GROUND_TRUTHS:
        yield f"least_ground_truths is {least}, more than the {GROUND_TRUTHS} of a batch here: it cannot be checked"
        return
    acts, disturbs = _acts(case, range(GROUND_TRUTHS))
    if not acts:
        if regularizer.views == 1:
            yield (
                f"it does nothing: at iterations {', '.join(map(str, MOMENTS))} of {ITERATIONS} gradients and "
                "output are the plain network's; is a member misspelt, or an option 0?"
            )
    elif not disturbs and not _acts(case, range(least))[0]:
        yield (
            f"with {least} ground truth in a batch it does nothing and would be the baseline under another name; "
            "override least_ground_truths"
        )


def penalty_is_a_scalar(case: Case) -> Iterator[str]:
    """The penalty must be what the step can add, log and descend along."""
    learns = []
    for iteration in MOMENTS:
        trial = Trial(case)
        trial.prepare(iteration)
        penalty = trial.forward().penalty
        if penalty is None:
            continue
        if not isinstance(penalty, Tensor):
            yield f"penalty returns a {type(penalty).__name__}; return a float32 tensor without dimensions, or None"
            return
        if penalty.dim() or penalty.dtype != torch.float32:
            shape = tuple(penalty.shape)
            yield f"penalty returns {penalty.dtype} of shape {shape}; return a float32 tensor without dimensions"
            return
        learns.append(penalty.requires_grad and _teaches(penalty, trial))
    if learns and not any(learns):
        yield "no gradient flows from penalty: the loss changes and nothing learns; do not detach or call item()"


def parameters_are_yielded(case: Case) -> Iterator[str]:
    """All that takes part in the loss must be the network's, or yielded by parameters(), and learn."""
    reached: set[int] = set()
    for iteration in MOMENTS:
        trial = Trial(case)
        trial.prepare(iteration)
        known = {id(parameter) for parameter in trial.parameters}
        leaves = _leaves(trial.forward().loss)
        for leaf in leaves:
            if id(leaf) not in known:
                name = _name_of(leaf, trial.regularizer)
                yield f"{name} acts on the loss, but parameters() does not yield it: it never learns and is not saved"
                return
        own = list(trial.regularizer.parameters())
        if [id(one) for one in own] != [id(one) for one in trial.regularizer.parameters()]:
            yield "parameters() yields others at a second call; make them in attach, in a fixed order"
            return
        places = {id(parameter): place for place, parameter in enumerate(own)}
        reached |= {places[id(leaf)] for leaf in leaves if id(leaf) in places}
    for place, parameter in enumerate(own):
        if place not in reached:
            yield f"no gradient reaches {_name_of(parameter, trial.regularizer)}, which parameters() yields"


def _teaches(penalty: Tensor, trial: Trial) -> bool:
    """Whether any parameter has a gradient of it that is not 0."""
    found = torch.autograd.grad(penalty, list(trial.parameters), allow_unused=True)
    return any(gradient is not None and bool(gradient.any()) for gradient in found)


def global_states() -> tuple[Any, ...]:
    """Return the states of the generators that everybody shares: torch's, NumPy's, Python's."""
    kind, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002
    return torch.get_rng_state().numpy().tobytes(), kind, np.asarray(keys).tobytes(), rest, getstate()


def _acts(case: Case, truths: range) -> tuple[bool, bool]:
    """Return whether a step differs from the plain network's, and whether its output does."""
    rows = case.rows(truths)
    baseline = Case(Baseline, NoOptions(), case.network)
    pairs = [(Trial(case, rows).step(moment), Trial(baseline, rows).step(moment)) for moment in MOMENTS]
    disturbs = any(not torch.equal(step.output, plain.output) for step, plain in pairs)
    return disturbs or any(_differs(step, plain) for step, plain in pairs), disturbs


def _differs(one: Step, plain: Step) -> bool:
    """Whether gradients of the network differ by more than rounding; a loss that differs alone teaches nothing."""
    pairs = list(zip(one.gradients, plain.gradients, strict=False))
    scale = max(float(b.abs().max()) for _, b in pairs if b is not None)
    return any(
        (a is None) != (b is None)
        or (a is not None and b is not None and not torch.allclose(a, b, rtol=_ROUNDING, atol=_ROUNDING * scale))
        for a, b in pairs
    )


def _leaves(tensor: Tensor) -> list[Tensor]:
    """Return the tensors that gradients of ``tensor`` are gathered in."""
    found: dict[int, Tensor] = {}
    waiting, seen = [tensor.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if (variable := getattr(node, "variable", None)) is not None:
            found[id(variable)] = variable
        waiting += [following for following, _ in node.next_functions]
    return list(found.values())


def _name_of(tensor: Tensor, regularizer: Regularizer) -> str:
    """Return ``self.name`` of a tensor that a regularizer holds, or its shape in words."""
    for name, held in held_by(regularizer):
        if held is tensor:
            return name
    return f"a parameter of shape {tuple(tensor.shape)}"


def held_by(regularizer: Regularizer) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors that a regularizer holds, as ``self.name``; none that objects of other classes hold."""
    for name, value in vars(regularizer).items():
        for inner, held in _held(value):
            yield f"self.{name}{inner}", held


def _held(value: object) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield "", value
    elif isinstance(value, nn.Module):
        yield from ((f".{name}", parameter) for name, parameter in value.named_parameters())
    elif isinstance(value, list | tuple):
        yield from ((f"[{place}]{inner}", held) for place, one in enumerate(value) for inner, held in _held(one))
    elif isinstance(value, dict):
        yield from ((f"[{key!r}]{inner}", held) for key, one in value.items() for inner, held in _held(one))
