"""Indices of what networks have learned: one number per run, paired with the baseline, and with the gap in quality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from harness.foundation.rng import numpy_stream
from harness.reporting.statistics.paired import LEVEL

Floats = npt.NDArray[np.float64]

_DRAWS = 2000


@dataclass(frozen=True)
class Index:
    """One index.

    Attributes:
        title: in tables and figures.
        measure: of the rows that it is the mean of.
        last: only at the input of the last convolution, else over all layers.
    """

    title: str
    measure: str
    last: bool


INDICES: Mapping[str, Index] = {
    "saliency_spread": Index("saliency spread", "saliency_spread", False),
    "loss_spread": Index("spread of loss without a channel, dB", "loss_spread", True),
    "silhouette": Index("silhouette by degradation", "silhouette", True),
    "calinski_harabasz": Index("Calinski-Harabasz by degradation", "calinski_harabasz", True),
    "similarity": Index("similarity to clean features", "similarity", True),
    "own_patch_index": Index("shift on own patches", "own_patch_index", True),
}
"""Indices by name, in the order of the table."""


def last_weights(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the last weights of every run, without those that were kept on its way."""
    return rows[rows["iteration"] == rows.groupby(["network", "variant", "seed"])["iteration"].transform("max")]


def per_run(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one value of each index for every run: columns network, variant, seed, index, value.

    The mean over images, degradations and the layers that count, of the last weights of each run.
    """
    return per_weights(last_weights(rows)).drop(columns="iteration")


def per_weights(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one value of each index for all weights: as :func:`per_run`, with ``iteration``, when they were kept."""
    keys = ["network", "variant", "seed", "iteration"]
    parts = []
    for name, index in INDICES.items():
        own = rows[rows["measure"] == index.measure]
        if index.last:
            own = own[own["layer"] == "last"]
        if len(own):
            parts.append(own.groupby(keys, sort=False)["value"].mean().reset_index().assign(index=name))
    if not parts:
        return pd.DataFrame(columns=[*keys, "value", "index"])
    return pd.concat(parts, ignore_index=True)


def compared(values: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Compare each method's index with the baseline's, seed by seed.

    Args:
        values: of :func:`per_run`.
        baseline: the variant.

    Returns:
        One row per network, index and variant: mean, and of others than the baseline the mean difference with its 95%
        interval: Student's t over seeds, NaN with one.
    """
    found = []
    for (network, index), group in values.groupby(["network", "index"], sort=False):
        table = group.pivot(index="seed", columns="variant", values="value")  # keeps variants without any number
        for variant in dict.fromkeys(group["variant"]):
            row: dict[str, object] = {"network": network, "index": index, "variant": variant}
            row["mean"] = float(table[variant].mean())
            if variant != baseline and baseline in table:
                row |= _difference((table[variant] - table[baseline]).dropna().to_numpy(np.float64))
            found.append(row)
    columns = ["network", "index", "variant", "mean", "difference", "low", "high", "seeds"]
    return pd.DataFrame(found).reindex(columns=columns)


def _difference(differences: Floats) -> dict[str, float]:
    count = len(differences)
    mean = float(differences.mean()) if count else np.nan
    half = np.nan
    if count > 1:
        half = float(stats.t.ppf(0.5 + LEVEL / 2, count - 1) * differences.std(ddof=1) / np.sqrt(count))
    return {"difference": mean, "low": mean - half, "high": mean + half, "seeds": count}


def gaps(
    metrics: pd.DataFrame, reference: str, degradations: tuple[str, ...], dataset: str, metric: str
) -> pd.DataFrame:
    """Return the generalization gap of every run and control: how much less is gained over bicubic elsewhere.

    Args:
        metrics: the aggregated rows of the experiment. Without the control ``bicubic`` quality stands in for the gain.
        reference: the degradation from which the gap is measured.
        degradations: the others.
        dataset: of both.
        metric: such as ``psnr_rgb``.

    Returns:
        network, variant, seed, value: positive where a network gains less on the others, in the metric's unit. Controls
        have the seed -1, and those that need no network an empty one. Runs of which an image is missing, failed or
        infinite are left out: means over other images would compare images, not networks.
    """
    keys = ["network", "variant", "seed"]
    own = metrics[(metrics["metric"] == metric) & (metrics["dataset"] == dataset)]
    own = own[own["degradation"].isin((reference, *degradations))]
    whole = (own["status"] == "ok") & np.isfinite(own["value"])
    own = own.astype(dict.fromkeys(("network", "variant", "degradation"), str)).assign(
        seed=own["seed"].fillna(-1), value=own["value"].where(whole)
    )
    cells = own.groupby([*keys, "degradation"])["value"].agg(lambda values: values.mean(skipna=False))
    table = cells.unstack("degradation").reindex(columns=[reference, *degradations])
    if (control := table[table.index.get_level_values("variant") == "bicubic"]).size:
        table = table - control.mean()
    others = table[list(degradations)].mean(axis=1, skipna=False)
    return (table[reference] - others).rename("value").dropna().reset_index()


def read_values(path: Path) -> pd.DataFrame:
    """Read indices and gaps of runs as they were written: an empty network is that of controls, not a missing one."""
    texts = dict.fromkeys(("network", "variant", "index"), str)
    return pd.read_csv(path, dtype=texts, keep_default_na=False, na_values={"value": [""]})


def rank_correlation(index: Floats, gap: Floats, name: str) -> tuple[float, float, float]:
    """Return Spearman's rank correlation of two arrays (n,) with a 95% bootstrap interval over the runs.

    NaN with fewer than four runs, or where one of them is constant.
    """
    if len(index) < 4 or np.ptp(index) == 0 or np.ptp(gap) == 0:
        return np.nan, np.nan, np.nan
    random = numpy_stream("analysis/correlation", name, len(index))
    drawn = random.integers(len(index), size=(_DRAWS, len(index)))
    first, second = stats.rankdata(index[drawn], axis=1), stats.rankdata(gap[drawn], axis=1)
    first, second = (part - part.mean(1, keepdims=True) for part in (first, second))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (first * second).sum(1) / np.sqrt((first**2).sum(1) * (second**2).sum(1))
    low, high = np.nanquantile(found, (0.025, 0.975))
    return float(stats.spearmanr(index, gap)[0]), float(low), float(high)
