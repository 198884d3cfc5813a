"""Crops for the page: the results of many images side by side, with maps of their errors, small enough for one file."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from harness.foundation.files import write_text
from harness.foundation.images import Pixels
from harness.reporting.figures.gallery import ERROR_RANGE, Case, Strip, enlarged, error_map, mean_of_known, panels
from harness.reporting.files import CROPS
from harness.reporting.rows.compared import REAL, Study
from harness.reporting.rows.metric_rows import Block
from harness.reporting.rows.run_records import Records

MOST_CASES = 32
MOST_WORK = 1e12
"""Multiplications that may be spent on cases beside those of the gallery: 20 s at 100 GFLOP/s. A network's are taken as
its weights times the pixels of the input."""

QUALITY = 80
"""Of WebP, of 100."""

MOST_BYTES = 1_400_000
"""Of all pictures together, as text in the page."""

_TILE, _WHOLE = 96, 192  # pixels of the shorter side of a tile, and of the longer one of a whole image


def more_cases(laid_out: Sequence[Block], study: Study, chosen: Sequence[Case], records: Records) -> Iterator[Case]:
    """Yield cases beside the gallery's: image after image, of each data set in turn, each in another degradation.

    After every image has been met once it goes on with their other degradations. Only networks with weights are shown.
    """
    known = {(case.network, case.dataset, case.degradation, case.image) for case in chosen}
    own = [block for block in laid_out if block.metric == study.metrics[0]]
    rounds = [_cases(block, known) for block in own if weights_of(block.network, study, records, block.seeds[0])]
    while rounds:
        for cases in list(rounds):
            if (case := next(cases, None)) is None:
                rounds.remove(cases)
            else:
                yield case


def _cases(block: Block, known: set[tuple[str, str, str, str]]) -> Iterator[Case]:
    sets = [key for key in block.values if key[1] != REAL]
    datasets = list(dict.fromkeys(dataset for dataset, _ in sets))
    names = {name: [degradation for dataset, degradation in sets if dataset == name] for name in datasets}
    images = {name: block.images[(name, names[name][0])] for name in datasets}
    longest = max((len(found) for found in images.values()), default=0)
    places = [(name, place) for place in range(longest) for name in datasets if place < len(images[name])]
    most = max((len(found) for found in names.values()), default=0)
    for turn in range(most):
        for step, (dataset, place) in enumerate(places):
            if turn >= len(names[dataset]):
                continue
            degradation = names[dataset][(step + turn) % len(names[dataset])]
            key = (dataset, degradation)
            image = images[dataset][place]
            if image not in block.images[key] or (block.network, *key, image) in known:
                continue
            scores = mean_of_known(block.values[key][:, :, block.images[key].index(image)].T)
            named = {name: float(score) for name, score in zip(block.methods, scores, strict=True)}
            yield Case(block.network, dataset, degradation, image, "", float("nan"), named, block.seeds[0])


def weights_of(network: str, study: Study, records: Records, seed: int) -> int:
    """Return how many weights the trained networks of a block have together: those whose files are there."""
    files = [
        records.folders[key] / "weights.safetensors"
        for method in study.methods_of(network)
        if (key := (network, method, seed)) in records.folders
    ]
    return sum(path.stat().st_size // 4 for path in files if path.is_file())


def write_crops(strips: Sequence[Strip], study: Study, folder: Path, more: Iterator[Strip]) -> Path:
    """Write the crops of strips, and of further ones while there is room, as JSON that the page takes in.

    Each case is one picture of tiles: ground truth, input and every method, and below the errors of the methods.
    """
    cases: list[dict[str, Any]] = []
    wholes: dict[str, str] = {}
    size = 0
    for place, strip in enumerate(chain(strips, more)):
        case = strip.case
        name = f"{case.dataset}/{case.image}"
        wholes.setdefault(name, _webp(_small(strip.whole)))
        shown = _case(strip, study, name)
        size += len(shown["sprite"])
        if place >= max(MOST_CASES, len(strips)) or (place >= len(strips) and size > MOST_BYTES):
            break
        cases.append(shown)
    used = {case["thumb"] for case in cases}
    says = (
        f"Pixels are those of the first seed; scores are of the whole image, means over seeds. Below each result its "
        f"error: the mean absolute difference to the ground truth over the channels, from black (0) to bright "
        f"({ERROR_RANGE} levels of 255 or more), computed before the pictures were compressed for this page."
    )
    document = {"says": says, "thumbs": {name: wholes[name] for name in wholes if name in used}, "cases": cases}
    path = folder / CROPS
    write_text(path, json.dumps(document, separators=(",", ":")) + "\n")
    return path


def strips_within(
    cases: Iterator[Case],
    cost: Callable[[Case], float],
    make: Callable[[Case], Strip],
) -> Iterator[Strip]:
    """Make the strips of cases until the next one would exceed the work that may be spent."""
    spent = 0.0
    for case in cases:
        spent += cost(case)
        if spent > MOST_WORK:
            return
        yield make(case)


def _case(strip: Strip, study: Study, name: str) -> dict[str, Any]:
    shown = panels(strip, study.metrics[0])
    tiles = [_tile(pixels) for _, _, pixels in shown]
    errors = [_tile(None)] * 2 + [
        _tile(None if pixels is None else error_map(strip.truth, pixels)) for _, _, pixels in shown[2:]
    ]
    sprite = np.concatenate([np.concatenate(tiles, 1), np.concatenate(errors, 1)], 0)
    top, left, side = strip.frame
    height, width = strip.whole.shape[:2]
    frame = f"left:{left / width:.2%};top:{top / height:.2%};width:{side / width:.2%};height:{side / height:.2%}"
    case = strip.case
    texts = [
        {"title": title, "text": "no weights" if pixels is None else score, "error": place > 1 and pixels is not None}
        for place, (title, score, pixels) in enumerate(shown)
    ]
    return {
        "network": case.network,
        "dataset": case.dataset,
        "degradation": case.degradation,
        "image": case.image,
        "side": tiles[0].shape[0],
        "thumb": name,
        "frame": frame,
        "panels": texts,
        "sprite": _webp(sprite),
    }


def _tile(pixels: Pixels | None) -> Pixels:
    if pixels is None:
        return np.full((_TILE, _TILE, 3), 128, np.uint8)
    return np.asarray(Image.fromarray(enlarged(pixels, _TILE)).resize((_TILE, _TILE), Image.Resampling.BOX), np.uint8)


def _small(pixels: Pixels) -> Pixels:
    image = Image.fromarray(pixels)
    image.thumbnail((_WHOLE, _WHOLE), Image.Resampling.LANCZOS)
    return np.asarray(image, np.uint8)


def _webp(pixels: Pixels) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=QUALITY, method=4)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def read_crops(folder: Path) -> Mapping[str, Any] | None:
    """Return what :func:`write_crops` wrote below a folder, None if nothing was."""
    path = folder / CROPS
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
