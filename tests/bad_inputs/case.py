"""One bad input: how it comes about, which command meets it, and the line that answers it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

EXPERIMENT = "mine.yaml"

ELSEWHERE = "elsewhere"
"""Where a finished directory holds the results of another experiment: another seed, another degradation."""

BASE = """\
description: The experiment that bad inputs are given to.
scale: 4
networks: [srresnet_tiny]
variants: [baseline]
seeds: [0]
training:
  data: embedded_train
  heldout: embedded_heldout
  degradation: second_order
  iterations: 4
  batch_size: 2
  crop: 32
  patch: 32
  usm_target: false
  learning_rate: 0.001
  ema: 0.9
  log_every: 2
  heldout_every: 4
  heldout_images: 2
  device: cpu
evaluation:
  datasets: [embedded_test]
  degradations: [clean]
  metrics: [psnr_rgb]
"""

Make = Callable[[Path], object]


def nothing(folder: Path) -> None:
    """Add nothing: the mistake is in the command."""


@dataclass(frozen=True)
class Case:
    """A bad input, or one that only looks bad.

    Attributes:
        id: name of the test.
        given: the input, in words.
        command: arguments of ``python -m harness``; or, if ``call`` is given, who calls it.
        answer: the whole answer, or for a legitimate input one line of it; ``...`` stands for what may differ.
        make: puts the input into the working directory, which holds ``mine.yaml``.
        status: 2 for an error; 0 where the command does its work.
        finished: whether the directory holds a finished run, benchmark, metrics and tables before.
        changed: patterns of the files that the command may change or remove; everything else must stay as it was.
        call: a function called in place of a command; its ``HarnessError`` is the answer.
    """

    id: str
    given: str
    command: str | tuple[str, ...]
    answer: str
    make: Make = nothing
    status: int = 2
    finished: bool = False
    changed: tuple[str, ...] = ()
    call: Make | None = None

    @property
    def legitimate(self) -> bool:
        """Whether the command does its work."""
        return self.status == 0

    @property
    def arguments(self) -> list[str]:
        """The command's arguments."""
        return self.command.split() if isinstance(self.command, str) else list(self.command)

    @property
    def pattern(self) -> str:
        """The answer as a regular expression."""
        return re.escape(self.answer).replace(re.escape("..."), ".*?")


def written(path: str, content: bytes | str) -> Make:
    """Return what writes one file."""

    def make(folder: Path) -> None:
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)

    return make


def cut(path: str, part: float) -> Make:
    """Return what cuts the one file that a pattern names to a part of its length."""

    def make(folder: Path) -> None:
        (place,) = folder.glob(path)
        content = place.read_bytes()
        place.write_bytes(content[: int(len(content) * part)])

    return make


def replaced(path: str, content: bytes | str) -> Make:
    """Return what overwrites every file that a pattern names; there is at least one."""

    def make(folder: Path) -> None:
        places = list(folder.glob(path))
        assert places, path
        for place in places:
            place.write_bytes(content.encode() if isinstance(content, str) else content)

    return make


def aged(make: Make) -> Make:
    """Return what does something to results of an earlier version, which wrote no sums beside its files."""

    def make_aged(folder: Path) -> None:
        make(folder)
        for path in folder.rglob("*.sha256"):
            path.unlink()

    return make_aged


def both(*makes: Make) -> Make:
    """Return what does several things in turn."""

    def make(folder: Path) -> None:
        for one in makes:
            one(folder)

    return make
