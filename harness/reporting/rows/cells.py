"""The cells of a study as integers, so that millions of rows are matched, sorted and completed by arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.evaluation.external_entry import REGULARIZER as EXTERNAL
from harness.evaluation.external_entry import ExternalModel
from harness.reporting.rows.compared import Study

COLUMNS = (
    "network",
    "variant",
    "regularizer",
    "seed",
    "dataset",
    "degradation",
    "image",
    "metric",
    "value",
    "status",
)
"""The columns of every metrics file, in this order."""

OK, FAILED, MISSING, ABSENT = 0, 1, 2, 3
"""Status codes: measured; tried in vain; expected but not there; not part of the experiment."""

STATUSES = ("ok", "failed", "missing")
REFERENCE = "reference"
"""The ``regularizer`` of untrained methods."""

_NO_SEED = -1

CHUNK = 2**20
"""Rows that are laid out at once where all of them would take much memory; also the rows of a parquet row group."""

Codes = npt.NDArray[np.int64]
Small = npt.NDArray[np.int32]
Status = npt.NDArray[np.int8]


class Cells(NamedTuple):
    """Where rows belong: indices of their entry, set, metric and image name."""

    entry: Small
    position: Small
    metric: Small
    image: Small

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Which rows the study asks for."""
        return (self.entry >= 0) & (self.position >= 0) & (self.metric >= 0)


@dataclass(frozen=True)
class Entry:
    """One evaluated thing: a run, or without a seed: a reference (network "" if it has none), a model from outside."""

    network: str
    variant: str
    regularizer: str
    seed: int | None


def entries(study: Study) -> list[Entry]:
    """Return everything that the study evaluates: references first, then models from outside, then runs in order.

    What each seed of random numbers at test time gave comes last.
    """
    places = [(name, network) for name in study.references for network in study.networks]
    references = [Entry(_block(study.control(*place).network, place[1]), place[0], REFERENCE, None) for place in places]
    externals = [Entry(name, model.name, EXTERNAL, None) for model in study.externals for name in _blocks(model, study)]
    runs = [Entry(run.network, run.variant, run.regularizer, run.seed) for run in study.runs]
    drawn = entries(study.draws) if study.ways else []
    return list(dict.fromkeys([*references, *externals, *runs, *drawn]))


def _block(owner: str, network: str) -> str:
    """Return the network that a method's rows name in the block of ``network``: none, if it has none itself."""
    return network if owner else ""


def _blocks(model: ExternalModel, study: Study) -> list[str]:
    """Return the networks that the rows of a model from outside name."""
    return [name for name in study.networks if study.network_of(name) == model.network] or [model.network]


class Grid:
    """The expected cells as integers: ((entry * sets + set) * metrics + metric) * images + image."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.entries = entries(study)
        self._entry = {(item.network, item.variant, item.seed): index for index, item in enumerate(self.entries)}
        self._set = {(item.dataset, item.degradation): index for index, item in enumerate(study.sets)}
        self._metric = {name: index for index, name in enumerate(study.metrics)}

    def entry_of(self, network: str, method: str, seed: int) -> int:
        """Return the index of a method's entry, or -1."""
        if method in self.study.references:
            return self._entry[(_block(self.study.control(method, network).network, network), method, None)]
        if model := self.study.external(method):
            own = _blocks(model, self.study)
            return self._entry[(network if network in own else own[0], method, None)]
        return self._entry.get((network, method, seed), -1)

    def codes(self, frame: pd.DataFrame, images: list[str]) -> Cells:
        """Return where every row of a frame belongs; -1 where the study does not ask for it."""
        seeds = frame["seed"].to_numpy(np.int64, na_value=_NO_SEED) if len(frame) else np.empty(0, np.int64)
        wanted = sorted({item.seed for item in self.entries if item.seed is not None})
        slots = {_NO_SEED: 0} | {seed: index + 1 for index, seed in enumerate(wanted)}
        seed_code = np.full(len(seeds), -1, np.int32)
        for known, slot in slots.items():
            seed_code[seeds == known] = slot
        networks = list(dict.fromkeys(item.network for item in self.entries))
        variants = list(dict.fromkeys(item.variant for item in self.entries))
        table = np.full((len(networks) + 1, len(variants) + 1, len(slots) + 1), -1, np.int32)
        for (network, variant, seed), index in self._entry.items():
            slot = slots[_NO_SEED if seed is None else seed]
            table[networks.index(network), variants.index(variant), slot] = index
        entry = table[codes_of(frame["network"], networks), codes_of(frame["variant"], variants), seed_code]
        metric = codes_of(frame["metric"], self.study.metrics)
        return Cells(entry, self._positions(frame), metric, codes_of(frame["image"], images))

    def keys(self, cells: Cells, images: int) -> Codes:
        """Return the integer of every row, -1 where the study does not ask for it."""
        keys = cells.entry.astype(np.int64)
        keys *= len(self.study.sets)
        keys += cells.position
        keys *= len(self.study.metrics)
        keys += cells.metric
        keys *= images
        keys += cells.image
        keys[~cells.known] = -1
        return keys

    def _positions(self, frame: pd.DataFrame) -> Small:
        datasets, degradations = self.study.datasets, self.study.degradations
        table = np.full((len(datasets) + 1, len(degradations) + 1), -1, np.int32)
        for (dataset, degradation), index in self._set.items():
            table[datasets.index(dataset), degradations.index(degradation)] = index
        return table[codes_of(frame["dataset"], datasets), codes_of(frame["degradation"], degradations)]

    def split(self, keys: Codes, images: int) -> tuple[Codes, Codes, Codes, Codes]:
        """Return (entry, set, metric, image) of every key."""
        rest, image = np.divmod(keys, images)
        rest, metric = np.divmod(rest, len(self.study.metrics))
        entry, position = np.divmod(rest, len(self.study.sets))
        return entry, position, metric, image

    def expected(self, keys: Codes, images: list[str]) -> Codes:
        """Return the keys of all cells that should be there, given the images that are."""
        sets, metrics = len(self.study.sets), len(self.study.metrics)
        there = np.zeros((sets, len(images)), bool)
        for start in range(0, len(keys), CHUNK):
            _, position, _, image = self.split(keys[start : start + CHUNK], len(images))
            there[position, image] = True
        entry = np.arange(len(self.entries))
        parts = []
        for index, item in enumerate(self.study.sets):
            seen = np.flatnonzero(there[index, 1:]) + 1
            seen = seen if len(seen) else np.zeros(1, np.int64)
            metric = np.array([self._metric[name] for name in item.metrics])
            base = (entry[:, None] * sets + index) * metrics + metric
            parts.append((base[..., None] * len(images) + seen).ravel())
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def frame(self, keys: Codes, values: npt.NDArray[np.float64], status: Status, images: list[str]) -> pd.DataFrame:
        """Return the rows of sorted keys as a frame with the contract's columns."""
        entry, position, metric, image = self.split(keys, len(images))
        sets = self.study.sets
        seeds = np.array([_NO_SEED if item.seed is None else item.seed for item in self.entries], np.int64)[entry]
        return pd.DataFrame(
            {
                "network": _categorical([item.network for item in self.entries], entry),
                "variant": _categorical([item.variant for item in self.entries], entry),
                "regularizer": _categorical([item.regularizer for item in self.entries], entry),
                "seed": pd.arrays.IntegerArray(seeds, seeds == _NO_SEED),
                "dataset": _categorical([item.dataset for item in sets], position),
                "degradation": _categorical([item.degradation for item in sets], position),
                "image": _categorical(images, image),
                "metric": _categorical(list(self.study.metrics), metric),
                "value": values,
                "status": _categorical(list(STATUSES), status),
            }
        )


def _categorical(names: list[str], codes: Codes | Status) -> pd.Categorical:
    categories = list(dict.fromkeys(names))
    table = np.array([categories.index(name) for name in names], np.int64)
    return pd.Categorical.from_codes(table[codes], categories=categories)


def codes_of(column: pd.Series, names: Sequence[str]) -> Small:
    """Return for each row the index of its text in ``names``, or -1."""
    column = column.astype("category")
    index = {name: position for position, name in enumerate(names)}
    table = np.array([index.get(str(name), -1) for name in column.cat.categories] + [-1], np.int32)
    return table[column.cat.codes.to_numpy()]
