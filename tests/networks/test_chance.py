"""Networks that draw random numbers at test time: the attention mask, and what is said of such a network."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from harness.foundation.errors import HarnessError
from harness.foundation.rng import Draws
from harness.networks.build import build_network, import_network
from harness.networks.chance import RandomNetwork, check_passes, draws_of_pass, use_draws
from harness.networks.swinir_masked import MaskedSwinIR
from harness.networks.weights import load_into
from harness.regularizers.conformance.networks import trial_network
from harness.spec import NetworkEntry, NetworkSpec, PassesSpec
from tests.evaluation.conftest import photograph

PASSES = PassesSpec(passes=4, seeds=(0, 1))
ROWS = (3, 5)


@pytest.fixture
def masked(networks: dict[str, NetworkEntry]) -> MaskedSwinIR:
    """A small one whose features are of order 1."""
    network = trial_network(networks["swinir_masked_tiny"].network, 1)
    assert isinstance(network, MaskedSwinIR)
    return network


def images(count: int = 2) -> Tensor:
    return torch.rand(count, 3, 16, 24, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize("training", [True, False])
def test_tokens_that_enter_an_attention_are_zeroed_in_both_modes(
    masked: MaskedSwinIR, networks: dict[str, NetworkEntry], training: bool
) -> None:
    draws = Draws(7, 11, 0, ROWS)
    masked.train(training)
    use_draws(masked, draws)
    plain = build_network(networks["swinir_small"].network, 0).train(training)
    load_into(plain, masked.state_dict(), "the masked network")  # weights go from one to the other
    numbers = iter(draws.uniform("attention mask", 4, 16 * 24).unbind(1))

    def mask(module: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        (tokens,) = inputs
        windows = next(numbers).reshape(len(tokens), tokens.shape[1])
        return (tokens * (windows >= 0.75)[..., None],)

    for name, module in plain.named_modules():
        if name.endswith(".qkv"):
            module.register_forward_pre_hook(mask)
    assert torch.equal(masked(images()), plain(images()))
    assert next(numbers, None) is None


def test_it_starts_at_the_weights_of_the_plain_network(networks: dict[str, NetworkEntry]) -> None:
    masked, plain = (build_network(networks[name].network, 3) for name in ("swinir_masked_tiny", "swinir_small"))
    own, other = masked.state_dict(), plain.state_dict()
    assert own.keys() == other.keys()
    assert all(torch.equal(own[name], other[name]) for name in own)


def test_a_pass_is_a_function_of_the_numbers_given_last(masked: MaskedSwinIR) -> None:
    with torch.no_grad():
        use_draws(masked, Draws(7, 1, 0, ROWS))
        first = masked(images())
        assert torch.equal(first, masked(images()))
        average = copy.deepcopy(masked).eval()
        use_draws(average, Draws(7, 2, 0, ROWS))
        other = average(images())
        assert torch.equal(first, masked(images())), "the numbers of a copy are its own"
        assert not torch.allclose(first, other, atol=1e-3)
        use_draws(masked, Draws(7, 2, 0, ROWS))
        torch.testing.assert_close(masked(images()), other)
        use_draws(masked, Draws(7, 2, 0, ROWS[1:]))
        torch.testing.assert_close(masked(images()[1:]), other[1:])  # by row: whichever others are in the batch
        with pytest.raises(RuntimeError, match="random numbers for 1 images meet 2; call use_draws"):
            masked(images())


def test_global_random_states_are_left_alone(masked: MaskedSwinIR) -> None:
    before = torch.get_rng_state()
    use_draws(masked, Draws(7, 1, 0, ROWS))
    masked(images())
    assert torch.equal(before, torch.get_rng_state())


def test_numbers_of_a_pass_follow_from_what_the_image_shows() -> None:
    pixels = photograph(16, 24, "one")

    def numbers(*parts: int, of: object = pixels) -> list[float]:
        seed, number = parts
        return draws_of_pass(of, seed, number, "cpu").uniform("s", 3).flatten().tolist()  # type: ignore[arg-type]

    assert numbers(0, 0) == numbers(0, 0, of=pixels.copy())
    found = [numbers(0, 0), numbers(1, 0), numbers(0, 1), numbers(0, 0, of=photograph(16, 24, "two"))]
    assert len({tuple(one) for one in found}) == 4
    assert numbers(0, 0) != numbers(0, 0, of=pixels.reshape(24, 16, 3))


def test_an_entry_says_what_the_network_does(networks: dict[str, NetworkEntry], masked: MaskedSwinIR) -> None:
    for entry in networks.values():
        check_passes(import_network(entry.path), entry.test_time, "here")
    assert isinstance(masked, RandomNetwork)
    with pytest.raises(
        HarnessError, match=r"^here: MaskedSwinIR draws random numbers at test time too; add test_time: "
    ):
        check_passes(masked, None, "here")
    with pytest.raises(HarnessError, match=r"^here: test_time: every pass of Conv2d gives the same output; leave it"):
        check_passes(nn.Conv2d, PASSES, "here")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"mask": 1.0}, "mask 1.0: must be between 0 and 1"),
        ({"mask": 0}, "mask 0: must be between 0 and 1"),
        ({"windows": 8}, "unknown argument 'windows'; it takes: img_size, .*, mask"),
    ],
)
def test_wrong_arguments(networks: dict[str, NetworkEntry], arguments: dict[str, object], problem: str) -> None:
    own = networks["swinir_masked_tiny"].network
    spec = NetworkSpec(path=own.path, arguments={**own.arguments, **arguments})
    with pytest.raises(HarnessError, match=problem):
        build_network(spec, 0)


def test_test_time_is_no_part_of_a_runs_network(networks: dict[str, NetworkEntry]) -> None:
    entry = networks["swinir_masked_tiny"]
    assert entry.test_time == PassesSpec(passes=4, seeds=(0, 1, 2))
    assert "test_time" not in entry.network.model_dump()
    assert PassesSpec.model_validate_json('{"passes": 2, "seeds": 3}').seeds == (0, 1, 2)
