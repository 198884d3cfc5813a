"""Metric rows: merge the files of all runs, find what is missing, and lay the values out as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import HarnessError
from harness.files import atomic_path
from harness.reporting.grid import ABSENT, COLUMNS, FAILED, MISSING, OK, STATUSES, Codes, Grid, codes_of
from harness.reporting.study import Study

Labelled = tuple[Path, str]
"""The metrics file of one run or reference, and the variant that its rows count as."""

_TEXT = [name for name in COLUMNS if name not in ("seed", "value")]


def aggregate(files: Sequence[str | Path | Labelled], study: Study) -> pd.DataFrame:
    """Merge metrics files into one frame with one row for every expected cell, in a fixed order.

    A file with a label counts under that name, whatever its rows say: runs are shared by studies that call them
    differently.

    Rows that the study does not ask for are left out. Cells that no file has appear with status ``missing`` and no
    value; their image is one that other methods were measured on, or "" if nothing was measured on that set.

    Returns:
        The contract's columns; text columns are categorical, ``seed`` is Int64 (missing for references).

    Raises:
        HarnessError: a file is missing or unreadable, lacks columns, has an unknown status, or two rows disagree
            about the same cell.
    """
    grid = Grid(study)
    parts = [_read_labelled(*item) if isinstance(item, tuple) else _read(Path(item)) for item in files]
    frame = pd.DataFrame(columns=list(COLUMNS)) if not parts else _concatenate(parts)
    images = sorted(str(name) for name in pd.unique(frame["image"].astype(object)) if str(name))
    images = ["", *images]
    keys, keep = grid.keys(frame, images)
    values = frame["value"].to_numpy(np.float64)[keep]
    status = codes_of(frame["status"], STATUSES)[keep]
    status = np.where((status == OK) & np.isnan(values), FAILED, status)
    keys, values, status = _without_duplicates(keys, values, status, grid, images)
    expected = grid.expected(keys, images)
    absent = expected[~np.isin(expected, keys, assume_unique=True)]
    keys = np.concatenate([keys, absent])
    values = np.concatenate([values, np.full(len(absent), np.nan)])
    status = np.concatenate([status, np.full(len(absent), MISSING, np.int64)])
    order = np.argsort(keys, kind="stable")
    return grid.frame(keys[order], values[order], status[order], images)


def write_aggregate(files: Sequence[str | Path | Labelled], study: Study, target: str | Path) -> None:
    """Aggregate metrics files into ``target`` (parquet); the same rows give the same bytes."""
    frame = aggregate(files, study)
    with atomic_path(target) as path:
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path, compression="zstd")


def load(path: str | Path) -> pd.DataFrame:
    """Read an aggregated or a single metrics file; text columns come back categorical.

    Raises:
        HarnessError: the file is missing, unreadable or lacks columns.
    """
    return _concatenate([_read(Path(path))])


@dataclass(frozen=True)
class Block:
    """The values of one metric on one network.

    Attributes:
        methods: M method names, references first.
        seeds: S training seeds.
        values: per (dataset, degradation) an array (M, S, I), NaN where there is no value. A reference has the same
            values for every seed.
        status: per (dataset, degradation) an array (M, S, I) of status codes; 'ABSENT' where the study has no run.
        images: per (dataset, degradation) the I image names.
    """

    metric: str
    network: str
    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    values: dict[tuple[str, str], npt.NDArray[np.float64]]
    status: dict[tuple[str, str], npt.NDArray[np.int8]]
    images: dict[tuple[str, str], tuple[str, ...]]


def blocks(frame: pd.DataFrame, study: Study) -> list[Block]:
    """Lay a frame out as arrays, one block for every metric and network of the study.

    Ten million rows take a few seconds: every row is scattered once.
    """
    grid = Grid(study)
    names = [str(name) for name in frame["image"].astype("category").cat.categories]
    images = ["", *sorted(name for name in names if name)]
    keys, keep = grid.keys(frame, images)
    values = frame["value"].to_numpy(np.float64)[keep]
    status = codes_of(frame["status"], STATUSES)[keep].astype(np.int8)
    entry, position, metric, image = grid.split(keys, len(images))
    result = [
        Block(name, network, study.methods_of(network), study.seeds, {}, {}, {})
        for name in study.metrics
        for network in study.networks
    ]
    for index, item in enumerate(study.sets):
        rows = np.flatnonzero(position == index)
        present = np.unique(image[rows])
        present = present[present > 0]
        local = np.full(len(images), -1, np.int64)
        local[present] = np.arange(len(present))
        shape = (len(study.metrics), len(grid.entries), len(present))
        array = np.full(shape, np.nan)
        state = np.full(shape, MISSING, np.int8)
        rows = rows[image[rows] > 0]
        place = (metric[rows], entry[rows], local[image[rows]])
        array[place] = np.where(status[rows] == OK, values[rows], np.nan)
        state[place] = status[rows]
        shown = tuple(images[code] for code in present)
        for block in result:
            if block.metric in item.metrics:
                _place(block, (item.dataset, item.degradation), array, state, shown, study, grid)
    return result


def _place(
    block: Block,
    key: tuple[str, str],
    array: npt.NDArray[np.float64],
    state: npt.NDArray[np.int8],
    images: tuple[str, ...],
    study: Study,
    grid: Grid,
) -> None:
    metric = study.metrics.index(block.metric)
    picked = np.array(
        [[grid.entry_of(block.network, method, seed) for seed in block.seeds] for method in block.methods]
    )
    picked = picked.reshape(len(block.methods), len(block.seeds))
    values = array[metric][picked]
    status = state[metric][picked]
    values[picked < 0] = np.nan
    status[picked < 0] = ABSENT
    block.values[key], block.status[key], block.images[key] = values, status, images


def _read(path: Path) -> pa.Table:
    try:
        table = pq.read_table(path, read_dictionary=_TEXT)
    except FileNotFoundError as error:
        raise HarnessError(f"{path}: no such metrics file; run the evaluation that writes it") from error
    except (pa.ArrowException, OSError) as error:
        raise HarnessError(
            f"{path}: not a readable metrics file ({_first_line(error)}); delete it and evaluate again"
        ) from error
    lacking = [name for name in COLUMNS if name not in table.column_names]
    if lacking:
        raise HarnessError(f"{path}: lacks the column {lacking[0]!r}; delete it and evaluate again")
    table = table.select(list(COLUMNS)).replace_schema_metadata(None)
    text = pa.dictionary(pa.int32(), pa.string())
    types = {"seed": pa.int64(), "value": pa.float64()}
    return table.cast(pa.schema([(name, types.get(name, text)) for name in COLUMNS]))


def _read_labelled(path: Path, variant: str) -> pa.Table:
    table = _read(path)
    index = table.column_names.index("variant")
    codes = pa.array(np.zeros(len(table), np.int32))
    return table.set_column(index, "variant", pa.DictionaryArray.from_arrays(codes, pa.array([variant])))


def _concatenate(parts: list[pa.Table]) -> pd.DataFrame:
    merged = pa.concat_tables(parts).unify_dictionaries()
    frame: pd.DataFrame = merged.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    unknown = set(map(str, frame["status"].astype("category").cat.categories)) - set(STATUSES)
    if unknown:
        raise HarnessError(f"metrics: status: {min(unknown)!r} is not one of {', '.join(STATUSES)}; evaluate again")
    return frame


def _without_duplicates(
    keys: Codes, values: npt.NDArray[np.float64], status: Codes, grid: Grid, images: list[str]
) -> tuple[Codes, npt.NDArray[np.float64], Codes]:
    order = np.argsort(keys, kind="stable")
    keys, values, status = keys[order], values[order], status[order]
    twice = keys[1:] == keys[:-1]
    agree = (status[1:] == status[:-1]) & ((values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1])))
    if np.any(twice & ~agree):
        where = int(np.flatnonzero(twice & ~agree)[0])
        entry, position, metric, image = (int(part[0]) for part in grid.split(keys[where : where + 1], len(images)))
        item, cell = grid.entries[entry], grid.study.sets[position]
        name = f"{item.network} {item.variant} seed {item.seed}, {cell.dataset}/{cell.degradation}/{images[image]}"
        raise HarnessError(
            f"metrics: {name}, {grid.study.metrics[metric]}: two files disagree "
            f"({values[where]} and {values[where + 1]}); delete one of them"
        )
    first = np.concatenate([[True], ~twice]) if len(keys) else np.empty(0, bool)
    return keys[first], values[first], status[first]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
