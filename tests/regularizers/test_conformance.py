"""Every regularizer there is keeps what all must keep; a new file in the folder is tested without being named here."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness.experiment.catalogues import Catalogues
from harness.foundation.yamlfile import StrictModel
from harness.networks.taps import Taps
from harness.regularizers import available, load_regularizer
from harness.regularizers.base import DrawsSource, Regularizer, mean_over_processes
from harness.regularizers.conformance.checks import check
from harness.regularizers.conformance.networks import small_networks, trial_images, trial_network
from harness.regularizers.conformance.processes import two_processes_equal_one
from harness.regularizers.conformance.trial import Case
from tests.regularizers.helpers import NETWORKS, OF_EACH_HOOK, ZOO, zoo

SRRESNET = {"srresnet_small": small_networks()["srresnet_small"]}
SAME_SIZE = {name: NETWORKS[name].network for name in ("srresnet_x1_small", "swinir_x1_small")}

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("dropout", {"positions": ["all"]}),
    ("dropout", {"kind": "element"}),
    ("adaptive_dropout", {"gate": "learned", "order": "random"}),
    ("simple_align", {"weight": 0}),
]


@pytest.mark.parametrize("name", [name for name in available() if name not in ZOO])
def test_defaults(name: str) -> None:
    problems = check(load_regularizer(name), processes=False)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("name", zoo(*OF_EACH_HOOK))
def test_the_zoo_on_one_network(name: str) -> None:
    problems = check(load_regularizer(name), ZOO[name], SRRESNET, processes=False)
    assert not problems, "\n".join(problems)


@pytest.mark.thorough
@pytest.mark.parametrize("name", ZOO)
def test_the_zoo_on_all_networks(name: str) -> None:
    networks = SAME_SIZE if name == "cutblur" else small_networks()
    problems = check(load_regularizer(name), {}, networks)
    assert not problems, "\n".join(problems)


def test_who_does_not_fit_a_network_says_so_in_one_line() -> None:
    (problem,) = check(load_regularizer("cutblur"), {}, SRRESNET)
    assert (
        "cutblur: paste: 'target': input and target differ in size, as the network enlarges by 4; use paste: down"
        in problem
    )


def test_two_processes_for_all_regularizers_at_once() -> None:
    cases = {}
    for name in available():
        found, network = load_regularizer(name), SAME_SIZE if name == "cutblur" else SRRESNET
        cases[name] = Case(found, found.Options(), next(iter(network.values())))
    assert list(two_processes_equal_one(cases)) == []


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_variants(name: str, options: dict[str, Any]) -> None:
    problems = check(load_regularizer(name), options, processes=False)
    assert not problems, "\n".join(problems)


class Loose(StrictModel):
    """Options without a default."""

    rate: float


class Careless(Regularizer):
    """Does what a regularizer must not do."""

    graph_safe = True

    def attach(self, network: nn.Module, taps: Taps, draws: DrawsSource) -> None:
        """Hook for good, in evaluation too, with global noise that depends on the steps before."""
        self.steps = 0
        network.get_submodule("conv_last").register_forward_pre_hook(self._noise)

    def set_progress(self, fraction: Fraction) -> None:
        self.steps += 1

    def _noise(self, module: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        return (inputs[0] * torch.rand(1) + self.steps,)


class NoDefault(Regularizer):
    """Has an option without a default."""

    Options = Loose

    def attach(self, network: nn.Module, taps: Taps, draws: DrawsSource) -> None:
        """Do nothing."""


class Breaking(Regularizer):
    """Raises, and gives a penalty that is not a number."""

    @property
    def uses_features(self) -> bool:
        return True

    def attach(self, network: nn.Module, taps: Taps, draws: DrawsSource) -> None:
        """Do nothing."""

    def penalty(self, features: Tensor | None) -> Tensor | None:
        assert features is not None
        return (features.sum() * 0) / 0

    def parameters(self) -> Iterator[nn.Parameter]:
        raise ValueError("no gates")


def test_carelessness_is_found_and_explained() -> None:
    problems = "\n".join(check(Careless, networks=SRRESNET, processes=False))
    for part in (
        "on srresnet_small: in eval() the network gives other pixels",
        "on srresnet_small: it draws from a global random state; draw from draws() only",
        "on srresnet_small: detach leaves 1 hooks in the network; put handles into self._handles",
        "the same iteration of the same seed gives different numbers",
        "an iteration depends on those before it (self.steps is 101, not 1)",
        "captured once and replayed, a later step computes something else",
        "imports torch at the top",
    ):
        assert part in problems


class Forgetful(Regularizer):
    """Learns a factor that no state saves, looks for a module by itself, and forgets the other processes."""

    uses_features = True

    def attach(self, network: nn.Module, taps: Taps, draws: DrawsSource) -> None:
        """Scale the features by a sum of what was seen."""
        self.seen = 0.0
        self._handles.append(taps.apply("last", self._scale) if taps._points else {}["conv"])

    def _scale(self, index: int, features: Tensor) -> Tensor:
        self.seen += float(features.detach().mean())
        return features * (1 + self.seen)

    def penalty(self, features: Tensor | None) -> Tensor | None:
        assert features is not None
        return features.mean(0).square().sum()


class Mindful(Forgetful):
    """The same penalty, on the mean of the whole batch."""

    def attach(self, network: nn.Module, taps: Taps, draws: DrawsSource) -> None:
        """Do nothing."""

    def penalty(self, features: Tensor | None) -> Tensor | None:
        assert features is not None
        return mean_over_processes(features.mean(0)).square().sum()


def test_what_a_resumed_or_shared_run_would_change_is_found() -> None:
    problems = "\n".join(check(Forgetful, networks=SRRESNET))
    for part in (
        "a run that goes on from saved weights differs",
        "on a network without taps attach raises KeyError",
        "in two processes the mean of the gradients of the penalty differs",
    ):
        assert part in problems
    mindful = Case(Mindful, Mindful.Options(), SRRESNET["srresnet_small"])
    assert list(two_processes_equal_one({"srresnet_small": mindful})) == []


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_machine_code_is_compared_too() -> None:
    assert check(load_regularizer("dropout"), networks=SRRESNET, processes=False, thorough=True) == []


def test_a_missing_default_is_found() -> None:
    problems = check(NoDefault, networks=SRRESNET)
    assert "rate must have a default" in problems[0]
    assert "options.rate: required, but not given" in problems[-1]


def test_exceptions_are_reported_not_raised() -> None:
    problems = check(Breaking, networks=SRRESNET, processes=False)
    raised = [
        problem for problem in problems if "raised ValueError: no gates (tests/regularizers/test_conform" in problem
    ]
    assert len(raised) == 1


@pytest.mark.parametrize("name", small_networks())
def test_features_of_the_trial_networks_are_of_order_one(name: str) -> None:
    spec = small_networks()[name]
    network = trial_network(spec, 3)
    features = Taps(network, spec.taps).capture("features")
    with torch.no_grad():
        output = network(trial_images(network, [0, 1, 2]))
    assert 0.1 < float(features.tensor.std()) < 10
    assert 0.1 < float(output.std()) < 10
    again = trial_network(spec, 3).state_dict()
    assert all(torch.equal(again[key], value) for key, value in network.state_dict().items())


def test_a_regularizer_conforms_on_a_network_that_draws() -> None:
    network = Catalogues.load().networks["swinir_masked_tiny"].network
    assert check(load_regularizer("dropout"), {}, {"masked": network}, processes=False) == []
