"""Random numbers as functions of names: fixed for ever, different for different names, equal for any slice."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.foundation.rng import Draws, derive_key, numpy_stream, torch_stream

PINNED_KEY = 335722947257103032779306858434654326558
PINNED_INTEGERS = [325493617, 1923865774, 1202667463, 1068816823]
PINNED_NORMALS = [-0.8370087330581479, -2.07417595301038, 0.13489956387704063]
PINNED_TORCH = [0.6262224316596985, 0.21219438314437866, 0.433174192905426]

PARTS = st.lists(st.one_of(st.integers(-(2**70), 2**70), st.text(max_size=8)), max_size=4)


@given(first=PARTS, second=PARTS)
def test_keys_differ_exactly_when_parts_do(first: list[int | str], second: list[int | str]) -> None:
    same = [(type(part), part) for part in first] == [(type(part), part) for part in second]
    assert (derive_key(*first) == derive_key(*second)) is same
    assert 0 <= derive_key(*first) < 2**128


def test_boundaries_and_types_are_part_of_the_key() -> None:
    keys = {
        derive_key("a", "bc"),
        derive_key("ab", "c"),
        derive_key("abc"),
        derive_key(1),
        derive_key("1"),
        derive_key(1, 1),
        derive_key(11),
        derive_key(),
    }
    assert len(keys) == 8


def test_numbers_are_pinned() -> None:
    """Locks and published runs depend on these: they may never change."""
    assert derive_key("pin", 7) == PINNED_KEY
    assert numpy_stream("pin", 7).integers(0, 2**32, 4).tolist() == PINNED_INTEGERS
    assert numpy_stream("pin", 7).standard_normal(3).tolist() == pytest.approx(PINNED_NORMALS, abs=0)
    assert torch.rand(3, generator=torch_stream("pin", 7)).tolist() == pytest.approx(PINNED_TORCH, abs=0)


def test_streams_do_not_touch_global_state() -> None:
    state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state().clone()  # type: ignore[index] # noqa: NPY002
    numpy_stream(1).random(5)
    torch.rand(5, generator=torch_stream(1))
    Draws(0, 0, 0, range(4)).uniform("x", 3)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)


@given(start=st.integers(0, 20), count=st.integers(0, 20))
def test_a_row_gets_the_same_numbers_in_any_slice(start: int, count: int) -> None:
    whole = Draws(5, 3, 1, range(40)).uniform("mask", 2, 3)
    part = Draws(5, 3, 1, range(start, start + count)).uniform("mask", 2, 3)
    assert part.shape == (count, 2, 3)
    assert torch.equal(part, whole[start : start + count])


def test_every_counter_places_the_stream() -> None:
    def first(draws: Draws, stream: str = "s") -> tuple[float, ...]:
        return (
            draws.row(stream, 2).random(),
            draws.batch(stream).random(),
            torch.rand((), generator=draws.bulk(stream, 2)).item(),
            draws.uniform(stream).tolist()[0],
        )

    base = first(Draws(1, 2, 0, range(2, 3)))
    assert first(Draws(1, 2, 0, range(2, 3))) == base
    others = [
        first(Draws(9, 2, 0, range(2, 3))),
        first(Draws(1, 9, 0, range(2, 3))),
        first(Draws(1, 2, 1, range(2, 3))),
        first(Draws(1, 2, 0, range(2, 3)), "t"),
    ]
    for other in others:
        assert all(a != b for a, b in zip(base, other, strict=True))
    assert Draws(1, 2, 0, range(2, 3)).row("s", 3).random() != base[0]


def test_a_batch_choice_is_shared_by_all_slices() -> None:
    assert Draws(1, 2, 0, range(8)).batch("s").random() == Draws(1, 2, 0, range(8, 16)).batch("s").random()


def test_uniform_numbers_are_uniform() -> None:
    numbers = Draws(0, 0, 0, range(200)).uniform("u", 50).flatten()
    assert numbers.dtype == torch.float32
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert torch.histc(numbers, 10, 0, 1).sub(1000).abs().max() < 120


@pytest.mark.parametrize("parts", [(0, "a"), (7, "crop", 123456), ("rdsr-v1", "Set5", "baby")])
def test_streams_are_philox_with_the_derived_key(parts: tuple[int | str, ...]) -> None:
    expected = np.random.Generator(np.random.Philox(key=derive_key(*parts)))
    found = numpy_stream(*parts)
    assert np.array_equal(found.integers(2**63, size=9), expected.integers(2**63, size=9))
    assert np.array_equal(found.standard_normal(9), expected.standard_normal(9))
