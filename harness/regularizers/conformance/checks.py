r"""What every regularizer must keep, its own or foreign, checked on small networks in seconds.

    problems = check(MyRegularizer, {"weight": 0.5})
    assert not problems, "\n".join(problems)

Each check is a function that yields problems, with what to do about them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from harness.foundation.errors import HarnessError
from harness.foundation.yamlfile import StrictModel, validate
from harness.regularizers.base import Regularizer
from harness.regularizers.conformance import places
from harness.regularizers.conformance.behaviour import CHECKS, THOROUGH, compilation_is_checked
from harness.regularizers.conformance.class_checks import CLASS_CHECKS
from harness.regularizers.conformance.hooks import hooks_keep_their_promises
from harness.regularizers.conformance.networks import fitting, small_networks
from harness.regularizers.conformance.processes import two_processes_equal_one
from harness.regularizers.conformance.trial import Case
from harness.spec import NetworkSpec


def check(
    regularizer: type[Regularizer],
    options: Mapping[str, Any] | None = None,
    networks: Mapping[str, NetworkSpec] | None = None,
    *,
    processes: bool = True,
    thorough: bool = False,
) -> list[str]:
    """Check a regularizer's conformance.

    Args:
        regularizer: the class.
        options: its options; the defaults complete them.
        networks: on which networks, by name; by default those of :func:`small_networks` that have its roles, if any.
        processes: share a batch between two processes, which takes seconds.
        thorough: compile to machine code too, which takes a minute for each network and needs a C++ compiler.

    Returns:
        Problems, one line each: file and line of the class, networks, what is wrong and the remedy. Each stands there
        once, however many checks and networks met it. Where a hook of the step breaks its promise, nothing else is
        checked on that network. Empty if all is well.
    """
    name = places.of_class(regularizer)
    problems = [f"{name}: {problem}" for once in CLASS_CHECKS for problem in once(regularizer)]
    try:
        checked = validate(dict(options or {}), regularizer.Options, name, "options")
    except HarnessError as error:
        return [*problems, str(error)]
    chosen = small_networks() if networks is None else networks
    roles = _roles(regularizer, checked)
    fit = fitting(chosen, roles)
    cases = {label: Case(regularizer, checked, network) for label, network in fit.items()}
    met: dict[str, list[str]] = {}
    broken = False
    for label in chosen if networks is not None or not fit else ():
        for role in sorted(set(roles or ()) - set(chosen[label].taps)):
            has = ", ".join(chosen[label].taps) or "none"
            met.setdefault(f"no role {role!r} there, but: {has}; choose a network that has it", []).append(label)
    for label, case in cases.items():
        found = list(_guarded(hooks_keep_their_promises, case))
        broken |= bool(found)
        if not found:
            further = (*CHECKS, *(THOROUGH if thorough else ()))
            found = [problem for each in further for problem in _guarded(each, case)]
        for problem in found:
            met.setdefault(problem, []).append(label)
    if processes and not broken and not any(problem.startswith("raised ") for problem in met):
        for label, problem in two_processes_equal_one(cases):
            met.setdefault(problem, []).append(label)
    return problems + [f"{name} on {', '.join(dict.fromkeys(on))}: {problem}" for problem, on in met.items()]


def _roles(regularizer: type[Regularizer], options: StrictModel) -> frozenset[str] | None:
    """Return its roles; none where they raise, which the checks that follow tell."""
    try:
        return regularizer(options).roles
    except Exception:
        return None


def compilation_checked(regularizer: type[Regularizer], networks: Mapping[str, NetworkSpec]) -> bool:
    """Whether :func:`check` traces the regularizer's hooks on any of the networks, as torch.compile would."""
    return any(compilation_is_checked(Case(regularizer, regularizer.Options(), one)) for one in networks.values())


def _guarded(each: Callable[[Case], Iterator[str]], case: Case) -> Iterator[str]:
    try:
        yield from each(case)
    except Exception as error:
        yield places.told(case.regularizer, error)
