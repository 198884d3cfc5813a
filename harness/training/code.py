"""Which code decides the result of a training. Imports no torch: Snakemake asks while it plans."""

from __future__ import annotations

from pathlib import Path

from harness.foundation.own_code import source_files
from harness.foundation.provenance import stage_modules
from harness.regularizers import source_of


def deciding_files(regularizer: str, network: str) -> list[Path]:
    """Return the source files that decide what a run becomes, besides its spec and its images.

    Args:
        regularizer: its name or import path.
        network: import path of the network's class.

    Returns:
        The harness's own of the stage, and of regularizer and network what the user wrote; see
        :mod:`harness.foundation.own_code`.
    """
    return stage_modules("train") + source_of(regularizer) + source_files([network])
