"""Random numbers as functions of (seed, stream, counters), never of a global state.

Every random choice of the harness names a *stream* (``"crop"``, ``"degradation/first/kernel"``, ...) and the
counters that place it (iteration, view, row, image name). The same names give the same numbers in any order, in
any process and for any number of workers. Two experiment arms that share a seed therefore see the same crops,
degradations and initial weights, and their differences are paired.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from numpy.random.bit_generator import ISeedSequence

if TYPE_CHECKING:
    import torch

Part = str | int
Kind = Literal["uniform", "normal", "integer"]
_CPU_FILLS: dict[Kind, str] = {"uniform": "uniform_", "normal": "normal_", "integer": "random_"}


def derive_key(*parts: Part) -> int:
    """Return a 128-bit integer that is a fixed function of ``parts``.

    Parts are length-prefixed before hashing (BLAKE2b), so ``("a", "bc")`` and ``("ab", "c")`` differ, and so do
    ``1`` and ``"1"``.
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        text = f"{type(part).__name__}:{part}".encode()
        digest.update(len(text).to_bytes(4, "little"))
        digest.update(text)
    return int.from_bytes(digest.digest(), "little")


def numpy_stream(*parts: Part) -> np.random.Generator:
    """Return a NumPy generator (Philox, counter-based) that is a fixed function of ``parts``.

    >>> float(numpy_stream(0, "crop", 7).random()) == float(numpy_stream(0, "crop", 7).random())
    True
    """
    return np.random.Generator(np.random.Philox(_Key(derive_key(*parts))))  # type: ignore[arg-type]  # the stubs know SeedSequence only


class _Key(ISeedSequence):
    """A key as the seed of Philox: the stream of ``Philox(key=key)``, in a quarter of the time (no OS entropy)."""

    def __init__(self, key: int) -> None:
        self._words = np.array([key & (2**64 - 1), key >> 64], np.uint64)

    def generate_state(self, n_words: int, dtype: npt.DTypeLike = np.uint32) -> npt.NDArray[np.uint64]:
        return self._words


def torch_stream(*parts: Part, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a torch generator on ``device`` that is a fixed function of ``parts``.

    For bulk numbers on a CPU. On CUDA torch's numbers depend on the card: :meth:`Draws.fill` makes others there.
    """
    import torch

    generator = torch.Generator(device=device)
    generator.manual_seed(derive_key(*parts) & (2**63 - 1))
    return generator


@dataclass(frozen=True)
class Draws:
    """The random numbers of one training step: fixed functions of (seed, iteration, view, stream, row).

    Row ``j`` of the global batch gets the same numbers whichever rows this process handles. A smaller batch sees the
    first rows of a larger one, and a slice for one of several devices sees exactly its rows.

    Attributes:
        seed: the run's seed.
        iteration: 0-based training iteration.
        view: 0-based degraded view of the same ground truths.
        rows: indices in the global batch of the images handled here.
        device: where bulk numbers are made ("cpu", "cuda", "cuda:1").
    """

    seed: int
    iteration: int
    view: int
    rows: Sequence[int]
    device: str = "cpu"

    def batch(self, stream: str) -> np.random.Generator:
        """Return the generator of a choice that all images of the batch share."""
        return numpy_stream(self.seed, stream, self.iteration, self.view)

    def row(self, stream: str, row: int) -> np.random.Generator:
        """Return the generator of one image's parameters; ``row`` is an index in the global batch."""
        return numpy_stream(self.seed, stream, self.iteration, self.view, row)

    def bulk(self, stream: str, row: int | None) -> torch.Generator:
        """Return the CPU's torch generator of one image's noise.

        Args:
            stream: name of the choice.
            row: index in the global batch; None for noise that all images of the batch share.
        """
        return torch_stream(self.seed, stream, self.iteration, self.view, *self._own(row))

    def fill(
        self, stream: str, out: torch.Tensor, kind: Kind, rows: Sequence[int | None] | None = None
    ) -> torch.Tensor:
        """Fill ``out`` (number of rows, ...), each row from its own stream, and return it: for pixels.

        On a CPU the numbers are those of :meth:`bulk`. On CUDA they come from :mod:`harness.foundation.philox`, the
        same on every card, and nothing waits.

        Args:
            stream: its name.
            out: contiguous, on the device; float32, or int32 for ``integer``.
            kind: ``uniform`` in [0, 1), standard ``normal``, or ``integer`` in 0..2^31 - 1.
            rows: in place of :attr:`rows`; None for numbers that all images of the batch share.
        """
        filled = self.rows if rows is None else rows
        if out.device.type == "cpu":
            for image, row in zip(out, filled, strict=True):
                getattr(image, _CPU_FILLS[kind])(generator=self.bulk(stream, row))
            return out
        import torch

        from harness.foundation import philox
        from harness.foundation.quantiles import KINDS

        words = torch.from_numpy(philox.words_of(self.keys(stream, filled)))
        words = words.pin_memory().to(out.device, non_blocking=True)
        return philox.fill(out, words, KINDS[kind])

    def keys(self, stream: str, rows: Sequence[int | None]) -> list[int]:
        """Return the 128-bit keys of what :meth:`fill` makes on CUDA, one per row."""
        return [derive_key(self.seed, stream, self.iteration, self.view, *self._own(row)) for row in rows]

    @staticmethod
    def _own(row: int | None) -> tuple[int, ...]:
        return () if row is None else (row,)

    def uniform(self, stream: str, *shape: int) -> torch.Tensor:
        """Return (len(rows), *shape) float32 numbers in [0, 1) on the device, each row from its own generator.

        The numbers are made on the host, where a generator costs microseconds, and copied without waiting. Meant for
        masks and parameters; use :meth:`fill` for pixels.
        """
        import torch

        numbers = np.empty((len(self.rows), *shape), np.float32)
        for index, row in enumerate(self.rows):
            self.row(stream, row).random(out=numbers[index, ...], dtype=np.float32)
        host = torch.from_numpy(numbers)
        if self.device == "cpu":
            return host
        return host.pin_memory().to(self.device, non_blocking=True)
