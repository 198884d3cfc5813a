"""Search spaces: where tuning looks for better values of a regularizer's options, declared beside their defaults.

    rate: Annotated[float, Search(0.05, 0.95)] = Field(default=0.7, gt=0, lt=1)

An option without one keeps its value. Of an option of another kind than numbers, :class:`Choice` lists the values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.foundation.errors import HarnessError
from harness.foundation.rng import numpy_stream
from harness.foundation.yamlfile import StrictModel

DIGITS = 3
"""Significant digits of the numbers that are drawn: they stand in names of folders and in tables."""


@dataclass(frozen=True)
class Search:
    """All numbers from ``low`` to ``high``, each as likely as any other; with ``log`` their logarithms are.

    Raises:
        HarnessError: the range is empty, or a logarithm of 0 or less is asked for.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no range."""
        if not -math.inf < self.low < self.high < math.inf:
            raise HarnessError(f"Search({self.low}, {self.high}): the first number must be less than the second")
        if self.log and self.low <= 0:
            raise HarnessError(f"Search({self.low}, {self.high}, log=True): both numbers must be greater than 0")

    def __str__(self) -> str:
        """Return the range in words."""
        return f"{self.low:g} to {self.high:g}" + " (log)" * self.log

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest value."""
        return self.low, self.high

    def at(self, share: float) -> float | int:
        """Return the value below which ``share`` of all values lie, a whole number where both ends are ``int``.

        Args:
            share: in [0, 1).
        """
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        if whole and not self.log:
            return math.floor(self.low + share * (self.high - self.low + 1))
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        value = low + share * (high - low)
        value = math.exp(value) if self.log else value
        rounded = round(value) if whole else float(f"{value:.{DIGITS}g}")
        return min(max(rounded, self.low), self.high)


@dataclass(frozen=True, init=False)
class Choice:
    """Some values, each as likely as any other: for options that are no numbers.

    Raises:
        HarnessError: there is nothing to choose from.
    """

    values: tuple[Any, ...]

    def __init__(self, *values: Any) -> None:
        if len(values) < 2:
            raise HarnessError(f"Choice{values}: give at least two values")
        object.__setattr__(self, "values", values)

    def __str__(self) -> str:
        """Return the values in words."""
        return f"one of {', '.join(map(str, self.values))}"

    @property
    def ends(self) -> tuple[Any, ...]:
        """All values."""
        return self.values

    def at(self, share: float) -> Any:
        """Return the value at a share, in [0, 1), of the list."""
        return self.values[int(share * len(self.values))]


Space = Mapping[str, Search | Choice]
"""Name of an option to where its values are looked for."""


def space_of(options: type[StrictModel]) -> Space:
    """Return the search space that a model of options declares; empty if it declares none.

    Raises:
        HarnessError: an option allows less than what is to be searched.
    """
    found: dict[str, Search | Choice] = {}
    for name, field in options.model_fields.items():
        for mark in field.metadata:
            if isinstance(mark, Search | Choice):
                found[name] = mark
                _check(options, name, mark)
    return found


def drawn(space: Space, number: int) -> dict[str, Any]:
    """Return the options of one trial: those of the same name are drawn at the same place for every regularizer.

    Args:
        space: of a regularizer.
        number: of the trial, from 0.
    """
    return {name: where.at(place(name, number)) for name, where in space.items()}


def place(name: str, number: int) -> float:
    """Return where in its range, in [0, 1), a trial has the setting called ``name``: a function of nothing else."""
    return float(numpy_stream("tuning", name, number).random())


def _check(options: type[StrictModel], name: str, where: Search | Choice) -> None:
    for value in where.ends:
        try:
            options.model_validate({name: value})
        except ValueError as error:
            problem = f"{value!r} of its search space, {where}, is no value of it"
            raise HarnessError(f"{options.__name__}.{name}: {problem}") from error
