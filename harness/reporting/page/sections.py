"""Sections that other modules add to the report: each is a heading and a body, made from what its own stage wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from markupsafe import Markup

from harness.experiment import Experiment
from harness.reporting.page.pictures import Picture


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Attributes:
        anchor: its id in the page, such as ``analysis``; no two sections share one.
        title: its heading and its entry in the navigation.
        body: HTML that loads nothing; wide tables stand in ``<div class="scroll">``.
        pictures: figures that follow it.
    """

    anchor: str
    title: str
    body: Markup
    pictures: tuple[Picture, ...] = ()


Maker = Callable[[Experiment], Section | None]
"""Makes the section of an experiment from files that are there; None without any."""


def sections_of(experiment: Experiment, makers: Iterable[Maker]) -> list[Section]:
    """Return the sections of an experiment for which there is something to show."""
    found = (make(experiment) for make in makers)
    return [section for section in found if section is not None]
