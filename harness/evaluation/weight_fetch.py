"""Fetching the weight files of learned metrics into the weights folder, checked before they get their names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.datasets.download import Expected, Patience, download
from harness.evaluation.metrics import get_metrics
from harness.evaluation.weight_files import WEIGHT_FILES, WeightFile, check_weights, weights_folder, wrong_checksum
from harness.foundation.errors import HarnessError

_ARRIVING = ".downloads"
_MOST = 4_000_000_000  # bytes; the largest of these files has a tenth of it


def fetch_weights(
    metrics: Sequence[str],
    weights_root: str | Path | None = None,
    patience: Patience = Patience(),  # noqa: B008 (immutable)
) -> list[str]:
    """Download the weight files that ``metrics`` need and the weights folder lacks.

    Interrupted downloads are continued by the next call. A file gets its name only after its checksum was compared with
    the digits that its source states.

    Args:
        metrics: protocol names.
        weights_root: the weights folder.
        patience: how long to try.

    Returns:
        One line per metric.

    Raises:
        HarnessError: a metric is unknown; or one line per file that could not be fetched, or that lies there and is
            not what its name says. The other files are fetched nevertheless.
    """
    lines, failures = [], []
    for metric in get_metrics(dict.fromkeys(metrics)):
        done = []
        for name in metric.weights:
            try:
                done.append(f"{name} {_fetch(WEIGHT_FILES[name], weights_root, patience)}")
            except HarnessError as error:
                failures.append(f"metric {metric.name}: {error}")
        lines.append(f"{metric.name}: {', '.join(done) or ('failed' if metric.weights else 'needs no weights')}")
    if failures:
        raise HarnessError("\n".join(failures))
    return lines


def _fetch(file: WeightFile, weights_root: str | Path | None, patience: Patience) -> str:
    folder = weights_folder(weights_root)
    target, arriving = folder / file.name, folder / _ARRIVING / file.name
    if target.exists():
        check_weights(file.name, weights_root)
        return "is there"
    whole = file.sha256 if len(file.sha256) == 64 else None
    download(file.url, arriving, Expected(sha256=whole, most=_MOST), patience)
    problem = wrong_checksum(arriving, file)
    if problem:
        arriving.unlink()
        raise HarnessError(f"{file.url}: {problem}; the file there is not the one that is meant")
    arriving.replace(target)
    if not any(arriving.parent.iterdir()):
        arriving.parent.rmdir()
    return "fetched" if file.sha256 else "fetched (its source states no checksum)"
