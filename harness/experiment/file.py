"""The experiment as it is written: one YAML file and what may stand in it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from harness.evaluation.external_entry import ExternalEntry
from harness.evaluation.references import ReferenceName
from harness.foundation.yamlfile import StrictModel


class EvaluationEntry(StrictModel):
    """The ``evaluation:`` section: which sets and metrics, synthetic benchmarks and real photographs apart."""

    datasets: tuple[str, ...] = Field(min_length=1)
    degradations: tuple[str, ...] = Field(min_length=1)
    metrics: tuple[str, ...] = Field(min_length=1)
    real_paired: tuple[str, ...] = ()
    real_unpaired: tuple[str, ...] = ()
    unpaired_metrics: tuple[str, ...] = ()


class ExperimentFile(StrictModel):
    """An experiment as written. ``training`` is checked apart, because its degradation names a catalogue entry."""

    description: str
    scale: int = Field(gt=0)
    networks: tuple[str, ...] = Field(min_length=1)
    variants: tuple[str, ...] = Field(min_length=1)
    references: tuple[ReferenceName, ...] = ("bicubic",)
    external: dict[str, ExternalEntry] = {}
    baseline: str = "baseline"
    seeds: tuple[int, ...] = Field(min_length=1)
    training: dict[str, Any]
    evaluation: EvaluationEntry
    data_root: str = "data"
    weights_root: str = "weights"
    runs_per_gpu: int = Field(default=1, gt=0)
    batches: Literal["auto", "keep", "online"] = "auto"
