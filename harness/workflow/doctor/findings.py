"""What an examination found: one line per check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        level: ``ok``; ``warning``, which need not stop anyone; or ``problem``, which will.
        subject: what was looked at, in a word or two.
        text: what was found and, unless it is fine, what to do.
    """

    level: Level
    subject: str
    text: str


def table(findings: Iterable[Finding]) -> list[str]:
    """Return one aligned line per finding."""
    found = list(findings)
    width = max((len(finding.subject) for finding in found), default=0)
    return [f"{finding.level:<7}  {finding.subject:<{width}}  {' '.join(finding.text.split())}" for finding in found]
