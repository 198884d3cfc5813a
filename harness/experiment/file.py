"""The experiment as it is written: one YAML file and what may stand in it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

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


class PrimaryEntry(StrictModel):
    """The ``primary:`` section: the few comparisons with the baseline that are tested before all others.

    Left empty it is each variant, on the average over degradations, by the first metric.
    """

    methods: tuple[str, ...] = ()
    column: str = "average"
    metric: str = ""


class ExperimentFile(StrictModel):
    """An experiment as written. ``training`` is checked apart, because its degradation names a catalogue entry.

    ``seeds`` may also be written as :class:`harness.experiment.stages.SeedsEntry`; here are those of the present stage.
    """

    description: str
    scale: int = Field(gt=0)
    networks: tuple[str, ...] = Field(min_length=1)
    variants: tuple[str, ...] = Field(min_length=1)
    references: tuple[ReferenceName, ...] = ("bicubic",)
    external: dict[str, ExternalEntry] = {}
    baseline: str = "baseline"
    seeds: tuple[int, ...] = Field(min_length=1)
    primary: PrimaryEntry = PrimaryEntry()
    margin: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = {}
    training: dict[str, Any]
    evaluation: EvaluationEntry
    data_root: str = "data"
    weights_root: str = "weights"
    runs_per_gpu: int = Field(default=1, gt=0)
    batches: Literal["auto", "keep", "online"] = "auto"
