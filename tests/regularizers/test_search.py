"""Search spaces: what is drawn lies in them, is the same for everybody, and is allowed."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pytest
from pydantic import Field

from harness.foundation.errors import HarnessError
from harness.regularizers import Choice, OptionsModel, Search, load_regularizer, search_space
from harness.regularizers.search import drawn, place, space_of

SEARCHED = {
    "dropout": {"rate"},
    "simple_align": {"weight"},
    "adaptive_dropout": {"initial_weight", "rate"},
    "baseline": set(),
}


@pytest.mark.parametrize("name", SEARCHED)
def test_the_four_methods_say_where_to_look_and_their_defaults_lie_there(name: str) -> None:
    space = search_space(name)
    assert set(space) == SEARCHED[name]
    defaults = load_regularizer(name).Options()
    for option, where in space.items():
        assert isinstance(where, Search)
        assert where.low < getattr(defaults, option) < where.high
        for number in range(200):
            load_regularizer(name).Options(**drawn(space, number))


def test_numbers_are_uniform_in_their_range_or_its_logarithm() -> None:
    shares = (np.arange(1000) + 0.5) / 1000
    linear = np.array([Search(-1.0, 3.0).at(share) for share in shares])
    assert (linear.min(), linear.max()) == (-0.998, 3.0)
    assert np.allclose(linear, -1 + 4 * shares, rtol=5e-3, atol=1e-3)
    log = np.array([Search(0.01, 100.0, log=True).at(share) for share in shares])
    assert np.allclose(np.log10(log), -2 + 4 * shares, atol=3e-3)
    assert all(0.01 <= value <= 100 for value in log)


def test_whole_numbers_stay_whole_and_are_equally_likely() -> None:
    found = [Search(2, 5).at(share) for share in (np.arange(400) + 0.5) / 400]
    assert {value: found.count(value) for value in sorted(set(found))} == {2: 100, 3: 100, 4: 100, 5: 100}
    assert all(isinstance(value, int) for value in found)
    assert {Search(1, 64, log=True).at(share) for share in (0.0, 0.5, 1 - 1e-9)} == {1, 8, 64}


def test_other_values_are_listed() -> None:
    where = Choice("channel", "element")
    assert [where.at(share) for share in (0.0, 0.49, 0.5, 0.99)] == ["channel", "channel", "element", "element"]


def test_drawn_numbers_have_three_digits() -> None:
    assert drawn({"rate": Search(0.05, 0.95)}, 0) == {"rate": float(f"{0.05 + 0.9 * place('rate', 0):.3g}")}


def test_options_of_one_name_are_drawn_at_one_place_for_all_methods() -> None:
    for number in range(20):
        one = drawn(search_space("dropout"), number)["rate"]
        assert drawn(search_space("adaptive_dropout"), number)["rate"] == one
    places = [place("rate", number) for number in range(500)]
    assert 0.45 < np.mean(places) < 0.55
    assert len(set(places)) == 500
    assert place("weight", 0) != place("rate", 0)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Search(1, 1), "less than the second"),
        (lambda: Search(0, float("inf")), "less than the second"),
        (lambda: Search(0.0, 1.0, log=True), "greater than 0"),
        (lambda: Choice("one"), "at least two"),
    ],
)
def test_what_is_no_space_is_refused(make, problem: str) -> None:
    with pytest.raises(HarnessError, match=problem):
        make()


def test_a_space_beyond_what_the_option_allows_is_refused() -> None:
    class Options(OptionsModel):
        rate: Annotated[float, Search(0.5, 1.0)] = Field(default=0.7, gt=0, lt=1)

    with pytest.raises(HarnessError, match=r"Options\.rate: 1\.0 of its search space, 0\.5 to 1, is no value of it"):
        space_of(Options)
