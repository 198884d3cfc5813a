"""Metric rows: merge the files of all runs, find what is missing, and lay the values out as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.sums import check, sealed_path
from harness.reporting.rows.cells import (
    ABSENT,
    CHUNK,
    COLUMNS,
    FAILED,
    MISSING,
    OK,
    STATUSES,
    Codes,
    Grid,
    Status,
    codes_of,
)
from harness.reporting.rows.compared import Study

Labelled = tuple[Path, str]
"""The metrics file of one run or reference, and the variant that its rows count as."""

_TEXT = [name for name in COLUMNS if name not in ("seed", "value")]
_DICTIONARY = pa.dictionary(pa.int32(), pa.string())


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
    rows = _merged(files, grid)
    return grid.frame(rows.keys, rows.values, rows.status, rows.images)


def write_aggregate(files: Sequence[str | Path | Labelled], study: Study, target: str | Path) -> None:
    """Aggregate metrics files into ``target`` (parquet); the same rows give the same bytes."""
    grid = Grid(study.with_all_sets)
    rows = _merged(files, grid)
    with sealed_path(target) as path, ExitStack() as stack:
        writer = None
        for start in range(0, max(len(rows.keys), 1), CHUNK):
            part = slice(start, start + CHUNK)
            frame = grid.frame(rows.keys[part], rows.values[part], rows.status[part], rows.images)
            table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
            if writer is None:
                writer = stack.enter_context(pq.ParquetWriter(path, table.schema, compression="zstd"))
            writer.write_table(table)


class _Rows(NamedTuple):
    """Rows of a grid: their keys, sorted, their values and status, and the image names that the keys refer to."""

    keys: Codes
    values: npt.NDArray[np.float64]
    status: Status
    images: list[str]


def _merged(files: Sequence[str | Path | Labelled], grid: Grid) -> _Rows:
    """Read file by file, keep three numbers of each row, and add the cells that no file has."""
    labelled = [item if isinstance(item, tuple) else (Path(item), None) for item in files]
    images = ["", *sorted({name for path, _ in labelled for name in _image_names(path)})]
    parts = [_rows_of(path, variant, grid, images) for path, variant in labelled]
    keys = np.concatenate([part.keys for part in parts] or [np.empty(0, np.int64)])
    values = np.concatenate([part.values for part in parts] or [np.empty(0)])
    status = np.concatenate([part.status for part in parts] or [np.empty(0, np.int8)])
    del parts
    rows = _without_duplicates(_sorted(_Rows(keys, values, status, images)), grid)
    expected = grid.expected(rows.keys, images)
    place = np.searchsorted(rows.keys, expected)
    there = place < len(rows.keys)
    there[there] = rows.keys[place[there]] == expected[there]
    absent = expected[~there]
    if not len(absent):
        return rows
    keys = np.concatenate([rows.keys, absent])
    values = np.concatenate([rows.values, np.full(len(absent), np.nan)])
    status = np.concatenate([rows.status, np.full(len(absent), MISSING, np.int8)])
    return _sorted(_Rows(keys, values, status, images))


def _rows_of(path: Path, variant: str | None, grid: Grid, images: list[str]) -> _Rows:
    frame = _read(path, COLUMNS)
    if variant is not None:
        frame["variant"] = pd.Categorical.from_codes(np.zeros(len(frame), np.int8), categories=[variant])
    cells = grid.codes(frame, images)
    keep = cells.known
    values = frame["value"].to_numpy(np.float64)[keep]
    status = codes_of(frame["status"], STATUSES)[keep].astype(np.int8)
    status[(status == OK) & np.isnan(values)] = FAILED
    return _Rows(grid.keys(cells, len(images))[keep], values, status, images)


def _image_names(path: Path) -> list[str]:
    column = _read(path, ("image",))["image"].cat.remove_unused_categories()
    return [str(name) for name in column.cat.categories if str(name)]


def _sorted(rows: _Rows) -> _Rows:
    order = np.argsort(rows.keys, kind="stable")
    return _Rows(rows.keys[order], rows.values[order], rows.status[order], rows.images)


def load(path: str | Path) -> pd.DataFrame:
    """Read an aggregated or a single metrics file; text columns come back categorical.

    Raises:
        HarnessError: the file is missing, unreadable or lacks columns.
    """
    return _read(Path(path), COLUMNS)


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
    cells = grid.codes(frame, images)
    values = frame["value"].to_numpy(np.float64)
    status = codes_of(frame["status"], STATUSES).astype(np.int8)
    result = [
        Block(name, network, study.methods_of(network), study.seeds, {}, {}, {})
        for name in study.metrics
        for network in study.networks
    ]
    position = np.where(cells.known & (cells.image > 0), cells.position, -1).astype(np.int16)
    order = np.argsort(position, kind="stable")
    ends = np.searchsorted(position[order], np.arange(-1, len(study.sets)), side="right")
    for index, item in enumerate(study.sets):
        rows = order[ends[index] : ends[index + 1]]
        entry, metric, image = cells.entry[rows], cells.metric[rows], cells.image[rows]
        present = np.flatnonzero(np.bincount(image, minlength=1))
        local = np.full(len(images), -1, np.int64)
        local[present] = np.arange(len(present))
        shape = (len(study.metrics), len(grid.entries), len(present))
        array = np.full(shape, np.nan)
        state = np.full(shape, MISSING, np.int8)
        place = (metric, entry, local[image])
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


def _read(path: Path, names: Sequence[str]) -> pd.DataFrame:
    """Read some columns, one after the other: all of them at once would take several times the memory."""
    check(path)
    try:
        lacking = sorted(set(COLUMNS) - set(pq.read_schema(path).names))
        if lacking:
            raise HarnessError(f"{path}: lacks the column {lacking[0]!r}; {layout.remedy(path)}")
        with pq.ParquetFile(path, read_dictionary=_TEXT) as source:
            frame = pd.DataFrame({name: _column(source, name) for name in names}, copy=False)
    except FileNotFoundError as error:
        raise HarnessError(f"{path}: no such metrics file; run the evaluation that writes it") from error
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error
    unknown = set(map(str, frame["status"].cat.categories)) - set(STATUSES) if "status" in frame else set()
    if unknown:
        raise HarnessError(
            f"{path}: status: {min(unknown)!r} is not one of {', '.join(STATUSES)}; {layout.remedy(path)}"
        )
    return frame


def _column(source: pq.ParquetFile, name: str) -> Any:
    """Return a column as a pandas array: text as categories, ``seed`` as integers that may be missing."""
    column = source.read(columns=[name]).column(0)
    if name == "value":
        return column.cast(pa.float64()).to_numpy()
    if name == "seed":
        return pd.array(column.cast(pa.int64()).to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get))
    merged = column.cast(_DICTIONARY).unify_dictionaries().combine_chunks()
    merged = merged if isinstance(merged, pa.DictionaryArray) else pa.concat_arrays(merged.chunks)
    codes = merged.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return pd.Categorical.from_codes(codes, categories=merged.dictionary.to_pylist(), validate=False)


def _without_duplicates(rows: _Rows, grid: Grid) -> _Rows:
    """Keep one of several equal rows; ``rows`` are sorted."""
    keys, values, status, images = rows
    twice = keys[1:] == keys[:-1]
    if not twice.any():
        return rows
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
    first = np.concatenate([[True], ~twice])
    return _Rows(keys[first], values[first], status[first], images)


def _unreadable(path: Path, error: Exception) -> HarnessError:
    return HarnessError(f"{path}: not a readable metrics file ({_first_line(error)}); {layout.remedy(path)}")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
