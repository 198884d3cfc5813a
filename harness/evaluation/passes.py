"""How rows tell apart what is measured of a network that draws random numbers at test time. Imports no torch.

Each way to run it is a network of its own in rows and tables, because methods are compared within it: single passes
with single passes, means with means.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.spec import PassesSpec


@dataclass(frozen=True)
class Passes:
    """How one result comes about.

    Attributes:
        seed: of the random numbers.
        count: passes whose mean it is, before it is rounded to 8 bit.
    """

    seed: int
    count: int


@dataclass(frozen=True)
class Shown:
    """A network as tables show it.

    Attributes:
        name: ``swinir_masked (1 pass)``, ``swinir_masked (8 passes)``.
        network: its name in the catalogue.
        count: passes whose mean a result is.
        seeds: of the random numbers; values are means over them.
    """

    name: str
    network: str
    count: int
    seeds: tuple[int, ...]

    @property
    def drawn(self) -> dict[str, Passes]:
        """The name under which rows hold what each seed gave, and how it came about."""
        return {f"{self.name[:-1]}, test seed {seed})": Passes(seed, self.count) for seed in self.seeds}

    @property
    def example(self) -> Passes:
        """What pictures show."""
        return Passes(self.seeds[0], self.count)


def shown(network: str, passes: PassesSpec) -> tuple[Shown, Shown]:
    """Return a network as single passes and as means of several."""
    return (
        Shown(f"{network} (1 pass)", network, 1, passes.seeds),
        Shown(f"{network} ({passes.passes} passes)", network, passes.passes, passes.seeds),
    )
