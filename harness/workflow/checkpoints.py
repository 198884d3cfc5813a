"""What the Snakefile asks of work that has a job for each checkpoint: the rows, and what is shown of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Generic, TypeVar

from harness.experiment.analyses import Analyses
from harness.experiment.selection import Selection

Asked = TypeVar("Asked", Analyses, Selection)


class CheckpointPlan(Generic[Asked]):
    """The files of such work; none without its section in the experiment.

    Args:
        asked: what the section asks for; None without one.
        shown: the tables and figures that are made of the rows.
    """

    def __init__(self, asked: Asked | None, shown: Iterable[Path]) -> None:
        self._asked: Asked | None = asked
        self._shown = tuple(shown) if asked else ()

    @property
    def there(self) -> bool:
        """Whether the experiment asks for it."""
        return self._asked is not None

    @property
    def rows(self) -> list[str]:
        """The rows of every checkpoint."""
        return [str(one.rows) for one in self._asked.all] if self._asked else []

    def reports(self, *suffixes: str) -> list[str]:
        """Return the tables and figures in some formats."""
        return [str(path) for path in self._shown if path.suffix in suffixes]
