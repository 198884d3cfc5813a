"""Crops by sub-images: as many as the released script cuts, and every place as often as its sub-images say."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.stats import chisquare

from harness.datasets.pack_files import PackedImage, PackInfo
from harness.datasets.patches import Pack, draw_windows
from harness.datasets.sub_images import SIDE, SubImages, starts
from harness.foundation.rng import Draws

SIZES = [(480, 480), (500, 980), (723, 480), (303, 384), (1000, 427)]  # (height, width)


def blank_pack(sizes: list[tuple[int, int]]) -> Pack:
    """Black images of these sizes."""
    images, offset = [], 0
    for number, (height, width) in enumerate(sizes):
        images.append(PackedImage(str(number), width, height, offset, ""))
        offset += height * width * 3
    return Pack(PackInfo("blank", tuple(images), ""), np.zeros(offset, np.uint8))


def as_the_script_cuts(length: int, crop_size: int = 480, step: int = 240, thresh_size: int = 0) -> list[int]:
    """The places of BasicSR's ``extract_subimages.py``, its lines with its settings for DIV2K's HR images."""
    space = np.arange(0, length - crop_size + 1, step)
    if length - (space[-1] + crop_size) > thresh_size:
        space = np.append(space, length - crop_size)
    return [int(place) for place in space]


def test_as_many_as_the_script_cuts() -> None:
    for length in range(480, 2100):
        assert starts(length) == as_the_script_cuts(length)
    # DIV2K's photographs are 2040 pixels wide or high, most of them by 1356: 8 x 5. The largest have 8 x 8.
    assert [len(SubImages.of([size])) for size in ((1356, 2040), (2040, 2040), (648, 2040))] == [40, 64, 16]
    assert len(SubImages.of([(1356, 2040), (2040, 2040), (648, 2040)])) == 120


@pytest.mark.parametrize("length", [1, 303, 479])
def test_a_smaller_photograph_is_one_where_the_script_stops(length: int) -> None:
    with pytest.raises(IndexError):
        as_the_script_cuts(length)
    assert starts(length) == [0]


def test_every_sub_image_has_its_number() -> None:
    sub_images = SubImages.of(SIZES)
    found = [sub_images.place(index) for index in range(len(sub_images))]
    assert found == [
        (image, top, left)
        for image, (height, width) in enumerate(SIZES)
        for top in ([0] if height < SIDE else as_the_script_cuts(height))
        for left in ([0] if width < SIDE else as_the_script_cuts(width))
    ]


def drawn(crop: int, weighing: str, count: int = 12_000) -> Counter[tuple[int, int]]:
    """How often each (image, first row) is drawn."""
    assert weighing in ("photographs", "sub_images")
    found: Counter[tuple[int, int]] = Counter()
    for iteration in range(count // 240):
        picks, tops, lefts, _ = draw_windows(PACK, crop, Draws(5, iteration, 0, range(240)), True, weighing)  # type: ignore[arg-type]
        found.update(zip(picks.tolist(), tops.tolist(), strict=True))
        for pick, left in zip(picks.tolist(), lefts.tolist(), strict=True):
            assert 0 <= left <= max(SIZES[pick][1] - crop, 0)
    return found


PACK = blank_pack(SIZES)


def expected(crop: int) -> dict[tuple[int, int], float]:
    """The probability of each (image, first row), by going through every sub-image and every place in it."""
    chances: Counter[tuple[int, int]] = Counter()
    sub_images = SubImages.of(SIZES)
    for index in range(len(sub_images)):
        image, top, _ = sub_images.place(index)
        places = max(min(SIZES[image][0], SIDE) - crop, 0) + 1
        for offset in range(places):
            chances[image, top + offset] += 1 / len(sub_images) / places
    return dict(chances)


@pytest.mark.parametrize("crop", [480, 470])
def test_frequencies_are_those_of_the_sub_images(crop: int) -> None:
    chances = expected(crop)
    assert sum(chances.values()) == pytest.approx(1)
    found = drawn(crop, "sub_images")
    assert found.keys() <= chances.keys()
    total = sum(found.values())
    assert chisquare([found[key] for key in chances], [chances[key] * total for key in chances]).pvalue > 1e-3
    # By default the photographs come equally often: neither test passes for the other's draws.
    plain = Counter(pick for pick, _ in drawn(crop, "photographs").elements())
    assert chisquare([plain[image] for image in range(len(SIZES))]).pvalue > 1e-3
    weights = Counter(pick for pick, _ in found.elements())
    assert chisquare([weights[image] for image in range(len(SIZES))]).pvalue < 1e-9
