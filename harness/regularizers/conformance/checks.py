r"""What every regularizer must keep, its own or foreign, checked on small networks in seconds.

    problems = check(MyRegularizer, {"weight": 0.5})
    assert not problems, "\n".join(problems)

Each check is a function that yields problems, with what to do about them.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from random import getstate
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from harness.foundation.errors import HarnessError
from harness.foundation.yamlfile import StrictModel, validate
from harness.networks.build import build_network
from harness.networks.compiled import compile_network
from harness.networks.tape import Tape
from harness.regularizers.base import Regularizer
from harness.regularizers.conformance.processes import two_processes_equal_one
from harness.regularizers.conformance.trial import GROUND_TRUTHS, ITERATIONS, SEED, Case, Step, Trial, small_networks
from harness.spec import NetworkSpec

_LATER = 30


def check(
    regularizer: type[Regularizer],
    options: Mapping[str, Any] | None = None,
    networks: Mapping[str, NetworkSpec] | None = None,
    processes: bool = True,
    thorough: bool = False,
) -> list[str]:
    """Check a regularizer's conformance.

    Args:
        regularizer: the class.
        options: its options; the defaults complete them.
        networks: on which networks, by name; by default :func:`small_networks`.
        processes: share a batch between two processes, which takes seconds.
        thorough: compile to machine code too, which takes a minute for each network and needs a C++ compiler.

    Returns:
        Problems, one line each, that name check, network and remedy. Empty if all is well.
    """
    name = f"{regularizer.__module__}:{regularizer.__qualname__}"
    problems = [f"{name}: {problem}" for once in _ONCE for problem in once(regularizer)]
    try:
        checked = validate(dict(options or {}), regularizer.Options, name, "options")
    except HarnessError as error:
        return [*problems, str(error)]
    chosen = small_networks() if networks is None else networks
    cases = {label: Case(regularizer, checked, network) for label, network in chosen.items()}
    for label, case in cases.items():
        for each in (*_EACH, *_THOROUGH[: thorough * len(_THOROUGH)]):
            problems += [f"{name} on {label}: {problem}" for problem in _guarded(each, case)]
    if processes:
        problems += [f"{name} {problem}" for problem in two_processes_equal_one(cases)]
    return problems


def _guarded(each: Callable[[Case], Iterator[str]], case: Case) -> Iterator[str]:
    try:
        yield from each(case)
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        yield f"{each.__name__.strip('_').replace('_', ' ')}: raised {type(error).__name__}: {reason}"


def _options_are_typed(regularizer: type[Regularizer]) -> Iterator[str]:
    options = regularizer.Options
    if not issubclass(options, StrictModel):
        yield "Options must inherit from harness.regularizers.OptionsModel, so that unknown options are errors"
        return
    required = [name for name, field in options.model_fields.items() if field.is_required()]
    if required:
        yield f"Options: {', '.join(required)} must have a default, so that the name alone is a complete variant"
        return
    try:
        validate({"no_such_option": 1}, options, regularizer.__name__, "options")
    except HarnessError:
        pass
    else:
        yield "Options accepts an unknown option; do not change model_config of OptionsModel"
    if validate(options().model_dump(mode="json"), options, regularizer.__name__) != options():
        yield "Options changes when written as JSON and read again; use numbers, text, booleans and tuples of them"


def _imports_no_torch(regularizer: type[Regularizer]) -> Iterator[str]:
    source = (
        f"import sys; sys.path[:0] = {sys.path!r}; import {regularizer.__module__}; sys.exit('torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    if result.returncode and not result.stderr:
        yield "its module imports torch at the top, which slows every start of Snakemake; import it inside functions"


def _gradients_flow(case: Case) -> Iterator[str]:
    for iteration in (1, ITERATIONS // 2, ITERATIONS):
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
    plain = build_network(case.network, SEED).eval()
    trial = Trial(case)
    trial.step(1)
    trial.network.eval()
    with torch.no_grad():
        if not torch.equal(trial.network(trial.images()), plain(trial.images())):
            yield "in eval() the network gives other pixels than without it; act through taps, in training mode only"


def _leaves_no_trace(case: Case) -> Iterator[str]:
    before = _global_states()
    trial = Trial(case)
    if not trial.network.training or any(not module.training for module in trial.network.modules()):
        yield "attach leaves the network in another mode; give it back in train()"
    trial.step(1)
    if _global_states() != before:
        yield "it draws from a global random state; draw from draws() only, or resumed runs differ"
    fresh = build_network(case.network, SEED).state_dict()
    weights = trial.network.state_dict()
    if list(weights) != list(fresh) or any(not torch.equal(fresh[name], weights[name]) for name in fresh):
        yield "it changes the network's weights or adds to them; keep learned parts in parameters()"
    trial.end()
    if hooks := _hook_count(trial.network):
        yield f"detach leaves {hooks} hooks in the network; put handles into self._handles"
    plain = build_network(case.network, SEED)
    if not torch.equal(plain(trial.images()), trial.network(trial.images())):
        yield "after detach the network in train() is not the plain network"


def _is_deterministic(case: Case) -> Iterator[str]:
    if not _same(Trial(case).step(_LATER), Trial(case).step(_LATER)):
        yield "the same iteration of the same seed gives different numbers; draw from draws() only"


def _keeps_no_state(case: Case) -> Iterator[str]:
    trial = Trial(case)
    for iteration in (1, ITERATIONS, _LATER - 1):
        trial.step(iteration)
    if not _same(trial.step(_LATER), Trial(case).step(_LATER)):
        yield "an iteration depends on those before it; make set_progress a function of fraction and draws()"


def _resumes(case: Case) -> Iterator[str]:
    straight, resumed = Trial(case), Trial(case)
    straight.learn(1)
    straight.learn(2)
    resumed.resume(straight)
    if not _same(straight.step(3), resumed.step(3)):
        yield "a run that goes on from saved weights differs from one that was not stopped; keep nothing between steps"


def _explains_missing_taps(case: Case) -> Iterator[str]:
    try:
        Trial(Case(case.regularizer, case.options, case.network.model_copy(update={"taps": {}})))
    except HarnessError:
        pass  # one line for the user
    except Exception as error:
        yield f"on a network without taps attach raises {type(error).__name__}; ask taps, which raises HarnessError"


def _rows_are_independent(case: Case) -> Iterator[str]:
    whole = Trial(case)
    chosen = [view * GROUND_TRUTHS + truth for view in range(whole.views) for truth in (1, 2)]
    part = Trial(case, rows=chosen)
    for iteration in (1, _LATER):
        if not torch.allclose(whole.step(iteration).output[chosen], part.step(iteration).output, atol=1e-5):
            yield "an image's noise depends on which other images are in the batch; use draws().uniform or .bulk by row"
            return


def _works_in_bf16(case: Case) -> Iterator[str]:
    views = case.regularizer(case.options).views
    trial = Trial(case, rows=[view * GROUND_TRUTHS for view in range(views)])  # bf16 is slow on many CPUs
    step = trial.step(2, torch.bfloat16)
    if step.output.dtype != _plain_bf16(case, trial):
        yield f"under bf16 autocast the network's output becomes {step.output.dtype}; keep the precision of features"
    if not step.loss.isfinite() or any(g is not None and not g.isfinite().all() for g in step.gradients):
        yield "under bf16 autocast the loss or a gradient is not finite; compute penalties in float32"


def _plain_bf16(case: Case, trial: Trial) -> torch.dtype:
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        output: Tensor = build_network(case.network, SEED)(trial.images())
    return output.dtype


def _compiles(case: Case) -> Iterator[str]:
    if "srresnet" not in case.network.path:  # tracing takes seconds, and BasicSR's SwinIR is not traceable as a whole
        return
    eager, traced = Trial(case), Trial(case)
    traced.step(1)  # as training does: the first pass is not compiled, and may make buffers
    network = compile_network(traced.network, backend="eager", fullgraph=True)
    for iteration in (1, 2, ITERATIONS):
        if not _same(eager.step(iteration), traced.step(iteration, network=network)):
            yield "compiled, the network computes something else; keep Python state out of hooks"
            return


def _compiles_to_machine_code(case: Case) -> Iterator[str]:
    eager, traced = Trial(case), Trial(case)
    traced.step(1)
    network = compile_network(traced.network)
    for iteration in (1, _LATER):
        one, other = eager.step(iteration), traced.step(iteration, network=network)
        if not torch.allclose(one.output, other.output, atol=1e-4):
            yield "compiled to machine code, the network's output differs; keep Python state out of hooks"
            return


def _can_be_captured(case: Case) -> Iterator[str]:
    """A step that was recorded once gives, replayed, what later steps give; see :class:`harness.networks.tape.Tape`."""
    if not case.regularizer.graph_safe:
        return
    trial, tape, steps = Trial(case), Tape(), []
    trial.step(1)  # as training does: the first pass is not captured, and may make buffers
    trial.prepare(2)
    tape.capture(lambda: steps.append(trial.compute()))
    for iteration in (_LATER, ITERATIONS):
        trial.prepare(iteration)
        tape.replay()
        if not _same(steps[0], Trial(case).step(iteration)):
            yield (
                "captured once and replayed, a later step computes something else; write what changes into the same "
                "tensors in set_progress, or leave graph_safe at False"
            )
            return


def _same(one: Step, other: Step) -> bool:
    pairs = zip([one.output, one.loss, *one.gradients], [other.output, other.loss, *other.gradients], strict=True)
    return all((a is None and b is None) or (a is not None and b is not None and torch.equal(a, b)) for a, b in pairs)


def _global_states() -> tuple[Any, ...]:
    kind, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002
    return torch.get_rng_state().numpy().tobytes(), kind, np.asarray(keys).tobytes(), rest, getstate()


def _hook_count(network: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in network.modules())


_ONCE = (_options_are_typed, _imports_no_torch)
_EACH = (
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
_THOROUGH = (_compiles_to_machine_code,)
