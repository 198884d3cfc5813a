"""Representative degradations of a training degradation: the draws in the middle of what its ranges hold.

A hundred fixed degradations say more of a blind network than eight (Zhang et al., "SEAL", ICLR 2024, arXiv 2309.03020:
cluster centres of a large degradation space). Here: many draws degrade one photograph, each result is described by
:func:`features`, k-means groups them, and the draw that is nearest to the centre stands for its group. The features
are ours, so numbers do not compare with those on SEAL's set.

A set lies in ``configs/representatives/NAME.yaml``, and its degradations are called ``NAME_000``, ``NAME_001``, ...
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import Field

from harness.degradations.drawn import Drawn, degrade_as_drawn
from harness.degradations.spec import SecondOrderSpec
from harness.foundation.errors import HarnessError
from harness.foundation.images import Pixels, crop_to_multiple
from harness.foundation.names import check_distinct, check_name
from harness.foundation.project import ROOT
from harness.foundation.yamlfile import StrictModel, load_yaml, validate

FOLDER = Path("configs/representatives")

_RINGS = 16  # of the spectrum of luminance
_BLOCK = 8  # pixels, JPEG's
_LEAST = 32  # pixels, side of the degraded photograph


class RepresentativeSet(StrictModel):
    """The file of a set.

    Attributes:
        degradation: name of the training degradation whose draws these are.
        spec: its ranges when they were chosen.
        scale: downscaling factor.
        seed: of the draws and of the clustering.
        samples: how many draws the choice was made from.
        photograph: data set and image that they degraded.
        draws: the chosen ones.
        shares: of each, how much of all draws its group holds; they sum to 1.
    """

    degradation: str
    spec: SecondOrderSpec
    scale: int = Field(ge=1)
    seed: int
    samples: int = Field(ge=1)
    photograph: str
    draws: tuple[int, ...] = Field(min_length=1)
    shares: tuple[float, ...]


def representative_sets() -> dict[str, RepresentativeSet]:
    """Return all sets by name, the harness's and the project's."""
    places = {folder.resolve(): folder for folder in (ROOT / FOLDER, FOLDER)}.values()
    files = [path for folder in places for path in sorted(folder.glob("*.yaml"))]
    names = [path.stem for path in files]
    check_distinct(names, "set of representatives", str(FOLDER))
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise HarnessError(f"{FOLDER / twice[0]}.yaml: the harness has a set of that name; choose another name")
    return {path.stem: _read(path.resolve(), path.stat().st_mtime_ns) for path in files}


def members(name: str, found: RepresentativeSet) -> dict[str, Drawn]:
    """Return the degradations of a set by name, in the order of their shares."""
    return {
        f"{name}_{index:03d}": Drawn(spec=found.spec, scale=found.scale, seed=found.seed, draw=draw)
        for index, draw in enumerate(found.draws)
    }


def expanded(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of degradations, with those of its degradations in place of the name of a set."""
    sets = representative_sets()
    return tuple(one for name in names for one in (members(name, sets[name]) if name in sets else (name,)))


def contracted(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of degradations, with the name of a set in place of those of its degradations."""
    sets = representative_sets()
    owners = {one: name for name, found in sets.items() for one in members(name, found)}
    return tuple(dict.fromkeys(owners.get(name, name) for name in names))


def choose(described: npt.NDArray[np.float64], count: int, seed: int) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Choose representative draws: standardized features, k-means, and the draw nearest to each centre.

    Args:
        described: (draws, features), see :func:`described`.
        count: how many to choose.
        seed: of k-means.

    Returns:
        The rows that were chosen, that of the largest group first; and each group's share of all rows.

    Raises:
        HarnessError: there are fewer rows than groups, or fewer different ones.
    """
    from sklearn.cluster import KMeans

    if len(described) < count:
        raise HarnessError(f"--samples: {len(described)}: must be at least --count, {count}")
    spreads = described.std(0)
    values = (described - described.mean(0)) / np.where(spreads > 0, spreads, 1)
    if (different := len(np.unique(values, axis=0))) < count:
        raise HarnessError(f"--count: {count}: all draws give {different} different images only; ask for fewer")
    grouped = KMeans(n_clusters=count, n_init=4, random_state=seed).fit(values)
    chosen = []
    for group in range(count):
        own = np.flatnonzero(grouped.labels_ == group)
        distances = np.square(values[own] - grouped.cluster_centers_[group]).sum(1)
        chosen.append((len(own) / len(values), int(own[distances.argmin()])))
    chosen.sort(key=lambda pair: (-pair[0], pair[1]))
    return tuple(draw for _, draw in chosen), tuple(share for share, _ in chosen)


def described(photograph: Pixels, drawn: Drawn) -> npt.NDArray[np.float64]:
    """Return the :func:`features` of a photograph (H, W, 3) uint8 after one draw.

    Raises:
        HarnessError: the photograph is too small.
    """
    if min(photograph.shape[:2]) < _LEAST * drawn.scale:
        least = _LEAST * drawn.scale
        raise HarnessError(f"--image: the photograph must have sides of {least} pixels or more at x{drawn.scale}")
    whole = crop_to_multiple(photograph, drawn.scale)
    return features(degrade_as_drawn(whole, drawn, drawn.scale, "representatives", drawn.seed, drawn.draw))


def features(lr: Pixels) -> npt.NDArray[np.float64]:
    """Describe how an image was degraded.

    The logarithm of the power of luminance in 16 rings of spatial frequency and of both chroma channels in 8 (a Hann
    window against the borders): blur, ringing and noise; and the logarithm of the mean step over the borders of 8 x 8
    blocks over the mean step elsewhere, along both axes: JPEG.

    Args:
        lr: (h, w, 3) uint8, sides of 32 or more.

    Returns:
        (34,) float64.
    """
    values = lr.astype(np.float64) / 255
    red, green, blue = np.moveaxis(values, -1, 0)
    luminance = 0.299 * red + 0.587 * green + 0.114 * blue  # ITU-R BT.601, as JPEG
    rings = [_rings(luminance, _RINGS)]
    rings += [_rings(chroma - luminance, _RINGS // 2) for chroma in (blue, red)]
    return np.concatenate([*rings, [_blockiness(luminance), _blockiness(luminance.T)]])


def _rings(plane: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
    """Return the logarithm of the mean power in rings of equal width, up to half the sampling frequency."""
    window = np.outer(np.hanning(plane.shape[0]), np.hanning(plane.shape[1]))
    power = np.square(np.abs(np.fft.fft2((plane - plane.mean()) * window)))
    rows, columns = (np.fft.fftfreq(side) for side in plane.shape)
    ring = np.minimum((np.hypot(rows[:, None], columns[None]) * 2 * count).astype(int), count - 1).ravel()
    means = np.bincount(ring, power.ravel(), count) / np.bincount(ring, minlength=count)
    return np.log(means + 1e-12)


def _blockiness(plane: npt.NDArray[np.float64]) -> float:
    steps = np.abs(np.diff(plane, axis=1)).mean(0)
    border = np.arange(1, len(steps) + 1) % _BLOCK == 0
    return float(np.log((steps[border].mean() + 1e-6) / (steps[~border].mean() + 1e-6)))


@lru_cache(maxsize=16)
def _read(path: Path, changed: int) -> RepresentativeSet:
    check_name(path.stem, "set of representatives", str(path))
    found = validate(load_yaml(path), RepresentativeSet, str(path))
    if len(found.shares) != len(found.draws) or len(set(found.draws)) != len(found.draws):
        raise HarnessError(f"{path}: draws, shares: must be as many, and each draw once; make the file again")
    return found
