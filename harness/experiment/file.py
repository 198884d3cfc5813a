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


class TuningEntry(StrictModel):
    """The ``tuning:`` section: the same search for every variant, the baseline included; see docs/tuning.md.

    Attributes:
        trials: of each variant on each network.
        iterations: of a trial, as part of the experiment's.
        on: what a trial is judged by: the loss on ``training.heldout``. Nothing else can be given, least of all a test
            set.
        learning_rate: trials draw the learning rate between the experiment's divided by this factor and times it; 1
            leaves it as it is.
    """

    trials: int = Field(ge=2, le=1000)
    iterations: float = Field(gt=0, le=1)
    on: Literal["heldout"]
    learning_rate: float = Field(default=3.0, ge=1, le=100)


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
    tuning: TuningEntry | None = None
    data_root: str = "data"
    weights_root: str = "weights"
    runs_per_gpu: int = Field(default=1, gt=0)
    batches: Literal["auto", "keep", "online"] = "auto"
