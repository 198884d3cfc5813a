"""What a choice among the weights of a run gains: on the images that it saw, and on those that it did not.

Gains are positive where quality is better. On the set that the choice saw, the gain over any fixed weights is never
negative: it is a maximum, and says nothing about other images. That share of it is the leakage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.foundation.rng import numpy_stream
from harness.reporting.rows.selection import Course
from harness.reporting.statistics.paired import bootstrap_image_weights, bootstrap_seed_weights, intervals

Floats = npt.NDArray[np.float64]

SEEN, CROSSED, OTHERS = "seen", "crossed", "others"
"""Scopes besides single data sets: the set that the choice saw; the same set, each image by a choice on its other
images; all other sets together."""

LAST, HELDOUT = "last", "heldout"
"""What the chosen weights are compared with: the last ones, and those with the least loss on held-out images."""

COLUMNS = ["network", "variant", "seed", "scope", "over", "minus", "gain", "low", "high", "seeds", "images"]


@dataclass(frozen=True)
class Choice:
    """Places within ``course.iterations``: of the greatest quality on the test set, and of the least held-out loss."""

    test: int
    heldout: int


def choose(course: Course, on: str, higher: bool) -> Choice | None:
    """Return what would be chosen, the earliest of equals; None if the last weights have no quality on ``on``.

    Args:
        course: the run.
        on: the test set that the choice sees: by the mean over its images.
        higher: whether higher is better. Weights for which an image has no value are not chosen.
    """
    means = course.quality[on].mean(axis=1) * (1 if higher else -1)
    if np.isnan(means[-1]):
        return None
    return Choice(int(np.nanargmax(means)), int(np.argmin(course.heldout)))


def gains(courses: Sequence[Course], on: str, higher: bool, baseline: str) -> pd.DataFrame:
    """Return the gain of the choice on a test set: of every run, and the mean over seeds of every method.

    Args:
        courses: the runs.
        on: the test set that the choice sees.
        higher: whether higher is better.
        baseline: the variant whose gain is taken off in the rows with ``minus``, seed by seed: how far the choice moves
            the difference of a method to it.

    Returns:
        The columns :data:`COLUMNS`: ``seed`` is missing for a mean over seeds; ``scope`` is :data:`SEEN`,
        :data:`CROSSED` (with two images at least), :data:`OTHERS` (with another set at least) or the name of another
        set; ``over`` is :data:`LAST` or :data:`HELDOUT`. ``low`` and ``high`` are the ends of the 95% interval over
        seeds and images, of one run over images alone; NaN where one image or seed cannot tell.
    """
    found: list[dict[str, object]] = []
    for network, variant in dict.fromkeys((one.network, one.variant) for one in courses):
        own = _of(courses, network, variant, on, higher)
        base = _of(courses, network, baseline, on, higher)
        for scope, over in dict.fromkeys(key for parts in own.values() for key in parts):
            label = {"network": network, "variant": variant, "scope": scope, "over": over}
            parts = {seed: parts[scope, over] for seed, parts in own.items()}
            for seed, part in parts.items():
                found.append({**label, "seed": seed, "minus": "", **_interval([part], label)})
            found.append({**label, "minus": "", **_interval(list(parts.values()), label)})
            shared = [seed for seed in parts if seed in base]
            if variant != baseline and shared:
                moved = [parts[seed].less(base[seed][scope, over]) for seed in shared]
                found.append({**label, "minus": baseline, **_interval(moved, label)})
    return pd.DataFrame(found).reindex(columns=COLUMNS).astype({"seed": "Int64"})


@dataclass(frozen=True)
class _Part:
    """Gains of one run by image (N,), and the data set of each, as numbers."""

    values: Floats
    strata: npt.NDArray[np.int64]

    def less(self, other: _Part) -> _Part:
        return _Part(self.values - other.values, self.strata)


_Parts = dict[tuple[str, str], _Part]


def _of(courses: Sequence[Course], network: str, variant: str, on: str, higher: bool) -> dict[int, _Parts]:
    """Return the gains of the runs of a method by seed; those without a choice are left out."""
    named = (one for one in courses if (one.network, one.variant) == (network, variant))
    return {one.seed: dict(_parts(one, choice, on, higher)) for one in named if (choice := choose(one, on, higher))}


def _parts(course: Course, choice: Choice, on: str, higher: bool) -> Iterator[tuple[tuple[str, str], _Part]]:
    sign = 1 if higher else -1
    quality: Mapping[str, Floats] = {name: sign * values for name, values in course.quality.items()}
    others = [name for name in quality if name != on]
    for over, place in ((LAST, -1), (HELDOUT, choice.heldout)):
        yield (SEEN, over), _part([quality[on][choice.test] - quality[on][place]])
        if quality[on].shape[1] > 1:
            yield (CROSSED, over), _part([_crossed(quality[on], place)])
        differences = [quality[name][choice.test] - quality[name][place] for name in others]
        if others:
            yield (OTHERS, over), _part(differences)
        for name, difference in zip(others, differences, strict=True):
            yield (name, over), _part([difference])


def _crossed(values: Floats, place: int) -> Floats:
    """Return the gain of each image (N,) if the choice sees the others alone; ``values`` are (K, N)."""
    left = (values.sum(axis=1, keepdims=True) - values) / (values.shape[1] - 1)
    images = np.arange(values.shape[1])
    return np.asarray(values[np.nanargmax(left, axis=0), images] - values[place], np.float64)


def _part(differences: Sequence[Floats]) -> _Part:
    strata = np.concatenate([np.full(len(one), number) for number, one in enumerate(differences)])
    return _Part(np.concatenate(differences), strata.astype(np.int64))


def _interval(parts: Sequence[_Part], label: Mapping[str, str]) -> dict[str, object]:
    """Return mean and 95% interval over seeds and the images that all of them have."""
    values = np.stack([part.values for part in parts])
    there = ~np.isnan(values).any(axis=0)
    values, strata = values[:, there], parts[0].strata[there]
    seeds, images = values.shape
    if not images:
        return {"gain": np.nan, "low": np.nan, "high": np.nan, "seeds": seeds, "images": 0}
    random = numpy_stream("selection", *label.values(), seeds, images)
    draws = bootstrap_seed_weights(seeds, random), bootstrap_image_weights(strata, random)
    found = intervals(values[None], strata, *draws)
    low, high = float(found.low[0]), float(found.high[0])
    return {"gain": float(found.estimate[0]), "low": low, "high": high, "seeds": seeds, "images": images}
