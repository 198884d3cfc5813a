"""The end of the report: what to cite, to read and to paste."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from harness.experiment.citations import Citations


@dataclass(frozen=True)
class Cited:
    """What to cite, in the page.

    Attributes:
        papers: a sentence and what it is cited for, of each.
        notes: what is not cited.
        bibtex: all of it.
        file: name of the file that is downloaded.
        source: its content as an address that loads nothing.
    """

    papers: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    bibtex: str
    file: str
    source: str


def cited(found: Citations) -> Cited:
    """Return citations as the page shows them."""
    bibtex = found.bibtex()
    encoded = base64.b64encode(bibtex.encode()).decode()
    papers = tuple((entry.text(), found.reasons[entry.key]) for entry in found.entries)
    source = f"data:application/x-bibtex;base64,{encoded}"
    return Cited(papers, found.notes, bibtex, f"{found.experiment}.bib", source)
