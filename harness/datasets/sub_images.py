"""How much a photograph weighs where training crops come from sub-images, as in the released data preparation.

BasicSR's ``extract_subimages.py`` cuts DIV2K into overlapping squares of 480 pixels, 240 apart, and one more at the far
edge where these do not reach it; ``PairedImageDataset`` then draws among the files. So a photograph is drawn as often
as it has sub-images, up to four times as often as another one of DIV2K.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

SIDE = 480
"""Side of a sub-image in pixels: ``crop_size`` of the script, whose ``thresh_size`` is 0."""

STEP = 240
"""Distance of one sub-image to the next in pixels."""


def starts(length: int) -> list[int]:
    """Return where sub-images begin along a side of ``length`` pixels.

    A side of less than 480 has one, which is as long as the side: the script stops with an error there.
    """
    last = max(length - SIDE, 0)
    places = list(range(0, last + 1, STEP))
    return places if places[-1] == last else [*places, last]


@dataclass(frozen=True)
class SubImages:
    """The sub-images of several photographs, numbered photograph by photograph and row by row.

    Attributes:
        rows, columns: of each photograph, where its sub-images begin.
        ends: for each photograph, the number of sub-images up to and with it.
    """

    rows: list[list[int]]
    columns: list[list[int]]
    ends: list[int]

    @classmethod
    def of(cls, sizes: Sequence[tuple[int, int]]) -> SubImages:
        """Return the sub-images of photographs of these sizes, (height, width) in pixels."""
        rows = [starts(height) for height, _ in sizes]
        columns = [starts(width) for _, width in sizes]
        counts = (len(own) * len(other) for own, other in zip(rows, columns, strict=True))
        return cls(rows, columns, list(accumulate(counts)))

    def __len__(self) -> int:
        return self.ends[-1]

    def place(self, index: int) -> tuple[int, int, int]:
        """Return the photograph of a sub-image, and its first row and column there."""
        image = bisect_right(self.ends, index)
        columns = self.columns[image]
        row, column = divmod(index - (self.ends[image - 1] if image else 0), len(columns))
        return image, self.rows[image][row], columns[column]
