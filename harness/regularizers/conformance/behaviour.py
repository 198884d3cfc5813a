"""How a regularizer behaves on a network, step by step: the same bytes whatever came before, and no trace left."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch._dynamo.eval_frame import is_dynamo_supported

from harness.foundation.errors import HarnessError
from harness.networks.compiled import compile_network
from harness.networks.tape import Tape
from harness.regularizers.conformance import effects, places
from harness.regularizers.conformance.networks import trial_network
from harness.regularizers.conformance.trial import ITERATIONS, MOMENTS, SEED, Case, Trial, same

_LATER = 30
_SUBSETS = ((0, 1), (2,), (0, 2, 3))  # ground truths: no reversal, shift or swap of four maps each onto itself
_ROUNDING = 1e-5  # of the largest value: batches of another size are summed in another order
_COMPILE = "keep Python state out of hooks, or say compile_safe = False"
_NOISE = 1e-2  # of the largest change that the regularizer makes


def _gradients_flow(case: Case) -> Iterator[str]:
    for iteration in MOMENTS:
        step = Trial(case).step(iteration)
        if not step.loss.isfinite():
            yield f"the loss is {float(step.loss)} at iteration {iteration} of {ITERATIONS}; guard divisions and roots"
        if any(g is not None and not g.isfinite().all() for g in step.gradients):
            yield f"a gradient is not finite at iteration {iteration} of {ITERATIONS}; guard divisions and roots"
    trial = Trial(case)
    for (name, _), gradient in zip(trial.network.named_parameters(), trial.step(1).gradients, strict=False):
        if gradient is None:
            yield f"no gradient reaches {name}; do not detach features or bypass layers"


def _evaluation_is_unaffected(case: Case) -> Iterator[str]:
    trial = Trial(case)
    trial.step(1)
    trial.network.eval()
    with torch.no_grad():
        if not torch.equal(trial.network(trial.images()), trial.plain().eval()(trial.images())):
            yield "in eval() the network gives other pixels than without it; act through taps, in training mode only"


def _leaves_no_trace(case: Case) -> Iterator[str]:
    before = effects.global_states()
    trial = Trial(case)
    if not trial.network.training or any(not module.training for module in trial.network.modules()):
        yield "attach leaves the network in another mode; give it back in train()"
    trial.step(1)
    if effects.global_states() != before:
        yield "it draws from a global random state; draw from draws() only, or resumed runs differ"
    fresh = trial_network(case.network, SEED).state_dict()
    weights = trial.network.state_dict()
    if list(weights) != list(fresh) or any(not torch.equal(fresh[name], weights[name]) for name in fresh):
        yield "it changes the network's weights or adds to them; keep learned parts in parameters()"
    trial.attached.detach()
    if hooks := _hook_count(trial.network):
        yield f"detach leaves {hooks} hooks in the network; put handles into self._handles"
    if not torch.equal(trial.plain()(trial.images()), trial.network(trial.images())):
        yield "after detach the network in train() is not the plain network"


def _is_deterministic(case: Case) -> Iterator[str]:
    if not same(Trial(case).step(_LATER), Trial(case).step(_LATER)):
        yield "the same iteration of the same seed gives different numbers; draw from draws() only"


def _keeps_no_state(case: Case) -> Iterator[str]:
    """All other iterations of a training come first: what counts to any number below has counted to it.

    What a saved state holds is taken over; nothing else may matter.
    """
    rows = case.rows((0, 1))
    used, fresh = Trial(case, rows), Trial(case, rows)
    with torch.no_grad():
        for iteration in range(1, ITERATIONS + 1):
            used.prepare(iteration)
            used.forward()
    fresh.resume(used)
    equal = same(used.step(_LATER), fresh.step(_LATER))
    counted = [
        f"self.{name} is {value!r}, not {_numbers(fresh)[name]!r}"
        for name, value in _numbers(used).items()
        if name in _numbers(fresh) and value != _numbers(fresh)[name]
    ]
    if not equal or counted:
        yield (
            f"an iteration depends on those before it{_told(counted or _unequal(used, fresh))}; make set_progress a "
            "function of fraction and draws(), or keep what steps change in tensors that state() names"
        )


def _told(reasons: list[str]) -> str:
    return f" ({', '.join(reasons)})" if reasons else ""


def _numbers(trial: Trial) -> dict[str, int | float]:
    return {name: value for name, value in vars(trial.regularizer).items() if isinstance(value, int | float)}


def _unequal(one: Trial, other: Trial) -> list[str]:
    """Return the names of tensors that two regularizers hold and in which they differ."""
    pairs = zip(effects.held_by(one.regularizer), effects.held_by(other.regularizer), strict=False)
    return [f"{name} differs" for (name, a), (_, b) in pairs if a.shape != b.shape or not torch.equal(a, b)]


def _resumes(case: Case) -> Iterator[str]:
    straight, resumed = Trial(case), Trial(case)
    straight.learn(1)
    straight.learn(2)
    resumed.resume(straight)
    if not same(straight.step(3), resumed.step(3)):
        yield (
            f"a run that goes on from saved weights differs from one that was not stopped"
            f"{_told(_unequal(straight, resumed))}; keep nothing between steps but what parameters() and state() name"
        )


def _explains_missing_taps(case: Case) -> Iterator[str]:
    try:
        Trial(Case(case.regularizer, case.options, case.network.model_copy(update={"taps": {}})))
    except HarnessError:
        pass  # one line for the user
    except Exception as error:
        yield f"on a network without taps attach raises {type(error).__name__}; ask taps, which raises HarnessError"


def _rows_are_independent(case: Case) -> Iterator[str]:
    if case.regularizer.mixes_rows:  # that its partners are found by row is seen in two processes
        return
    for iteration in (1, _LATER):
        trial = Trial(case)
        output, plain = trial.step(iteration).output, trial.plain()(trial.batch.lr).detach()
        allowed = _ROUNDING * float(plain.abs().max()) + _NOISE * float((output - plain).abs().max())
        for truths in _SUBSETS:
            rows = case.rows(truths)
            if float((output[rows] - Trial(case, rows).step(iteration).output).abs().max()) > allowed:
                yield "an image's noise depends on which others are in the batch; use draws().uniform or .bulk by row"
                return


def _works_in_bf16(case: Case) -> Iterator[str]:
    trial = Trial(case, case.rows((0,)))  # bf16 is slow on many CPUs
    step = trial.step(2, torch.bfloat16)
    if step.output.dtype != _plain_bf16(case, trial):
        yield f"under bf16 autocast the network's output becomes {step.output.dtype}; keep the precision of features"
    if not step.loss.isfinite() or any(g is not None and not g.isfinite().all() for g in step.gradients):
        yield "under bf16 autocast the loss or a gradient is not finite; compute penalties in float32"


def _plain_bf16(case: Case, trial: Trial) -> torch.dtype:
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        output: Tensor = trial.plain()(trial.images())
    return output.dtype


def compilation_is_checked(case: Case) -> bool:
    """Whether hooks are traced with the network: where they may be compiled, and Python and network let it be done."""
    traceable = "srresnet" in case.network.path  # others take seconds, and BasicSR's SwinIR is not traceable as a whole
    return case.regularizer.compile_safe and traceable and is_dynamo_supported()


def _compiles(case: Case) -> Iterator[str]:
    if not compilation_is_checked(case):
        return
    torch._dynamo.reset()  # what this process compiled before counts towards a limit
    eager, traced = Trial(case), Trial(case)
    for one in (eager, traced):
        one.step(1)  # as training does: the first pass is not compiled, and may make buffers
    network = compile_network(traced.network, backend="eager", fullgraph=True)
    for iteration in (1, 2, ITERATIONS):
        try:
            traced_step = traced.step(iteration, network=network)
        except torch._dynamo.exc.TorchDynamoException as error:
            place = places.of_error(case.regularizer, error)
            reason = next(filter(None, str(error).splitlines()), type(error).__name__)
            yield f"the hooks cannot be compiled ({', '.join(filter(None, [reason, place]))}); {_COMPILE}"
            return
        if not same(eager.step(iteration), traced_step):
            yield f"compiled, the network computes something else; {_COMPILE}"
            return


def _compiles_to_machine_code(case: Case) -> Iterator[str]:
    if not case.regularizer.compile_safe:
        return
    eager, traced = Trial(case), Trial(case)
    for trial in (eager, traced):
        trial.step(1)
    network = compile_network(traced.network)
    for iteration in (1, _LATER):
        one, other = eager.step(iteration), traced.step(iteration, network=network)
        if not torch.allclose(one.output, other.output, atol=1e-4):
            yield f"compiled to machine code, the network's output differs; {_COMPILE}"
            return


def _can_be_captured(case: Case) -> Iterator[str]:
    """A step that was recorded once gives, replayed, what later steps give; see :class:`harness.networks.tape.Tape`."""
    if not case.regularizer.graph_safe:
        return
    trial, plain, tape, steps = Trial(case), Trial(case), Tape(), []
    for one in (trial, plain):
        one.step(1)  # as training does: the first pass is not captured, and may make buffers
    plain.step(2)
    trial.prepare(2)
    try:
        tape.capture(lambda: steps.append(trial.compute()))
    except RuntimeError as error:
        told = ", ".join(filter(None, [str(error).split("\n")[0], places.of_error(case.regularizer, error)]))
        yield f"the step cannot be captured ({told}); keep values on the device, or leave graph_safe at False"
        return
    for iteration in (_LATER, ITERATIONS):
        trial.prepare(iteration)
        tape.replay()
        if not same(steps[0], plain.step(iteration)):
            yield (
                "captured once and replayed, a later step computes something else; write what changes into the same "
                "tensors in set_progress, or leave graph_safe at False"
            )
            return


def _hook_count(network: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in network.modules())


CHECKS: tuple[Callable[[Case], Iterator[str]], ...] = (
    effects.parameters_are_yielded,
    effects.does_something,
    _gradients_flow,
    _evaluation_is_unaffected,
    _leaves_no_trace,
    _is_deterministic,
    _keeps_no_state,
    _resumes,
    _explains_missing_taps,
    _rows_are_independent,
    _works_in_bf16,
    _can_be_captured,
    _compiles,
)
"""Each yields problems, with what to do about them."""

THOROUGH = (_compiles_to_machine_code,)
"""Further ones that take a minute."""
