"""The experiment as it is written: one YAML file and what may stand in it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator

from harness.degradations.representatives import expanded
from harness.degradations.sweeps import swept
from harness.evaluation.external_entry import ExternalEntry
from harness.evaluation.references import ReferenceName
from harness.foundation.yamlfile import StrictModel


class SystematicEntry(StrictModel):
    """A set of ``evaluation.systematic``; its name alone may stand in its place. See docs/systematic.md.

    Attributes:
        dataset: one that comes degraded, such as ``Set14_SE``, or any test set.
        degradations: a set of representatives, for a test set that is degraded here.
        metrics: of each image; PSNR and SSIM only.
        acceptance: the method that is the acceptance line, where no published lines are of these images and the metric.
        excellence: the excellence line there: a method that was trained for what it is tested on. Empty: no excellence.
    """

    dataset: str
    degradations: str = ""
    metrics: tuple[str, ...] = Field(default=("psnr_y_whole", "ssim_y_whole"), min_length=1)
    acceptance: str = "bicubic"
    excellence: str = ""

    @property
    def name(self) -> str:
        """What files and tables call the set."""
        return f"{self.dataset}_{self.degradations}" if self.degradations else self.dataset


def _with_tuples(entry: Any) -> Any:
    """Return a mapping with tuples for lists: behind a validator of its own, pydantic takes no list for one."""
    if not isinstance(entry, dict):
        return entry
    return {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}


class EvaluationEntry(StrictModel):
    """The ``evaluation:`` section: which sets and metrics, synthetic benchmarks and real photographs apart.

    Attributes:
        datasets: test sets that are degraded here.
        degradations: of each of them; a column of the tables each. The name of a set of representatives stands for all
            that it holds.
        metrics: of each degraded image; the first is the one of the main table and of the primary comparisons.
        real_paired: sets of photographs with a ground truth, evaluated as they are, by ``metrics``.
        real_unpaired: sets of photographs without one, evaluated as they are.
        unpaired_metrics: no-reference metrics, for ``real_unpaired``.
        sweeps: degradations of which ``datasets`` are evaluated at many strengths, apart from the tables and averages.
        systematic: sets of many degradations that are judged by two lines, apart from the tables and averages.
    """

    datasets: tuple[str, ...] = Field(min_length=1)
    degradations: tuple[str, ...] = Field(min_length=1)
    metrics: tuple[str, ...] = Field(min_length=1)
    real_paired: tuple[str, ...] = ()
    real_unpaired: tuple[str, ...] = ()
    unpaired_metrics: tuple[str, ...] = ()
    sweeps: tuple[Literal["blur", "noise", "jpeg", "kernel"], ...] = ()
    systematic: tuple[SystematicEntry, ...] = ()

    @property
    def all_degradations(self) -> tuple[str, ...]:
        """The degradations of each data set, those of the sweeps last."""
        return tuple(dict.fromkeys((*self.degradations, *swept(self.sweeps))))

    @field_validator("systematic", mode="before")
    @classmethod
    def _names_alone(cls, entries: Any) -> Any:
        if not isinstance(entries, list | tuple):
            return entries
        return tuple({"dataset": entry} if isinstance(entry, str) else _with_tuples(entry) for entry in entries)

    @field_validator("degradations")
    @classmethod
    def _sets_unfold(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return expanded(names)


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

    Attributes:
        methods: variants, as in ``variants``; none stands for all but the baseline.
        column: a degradation, or ``average``.
        metric: one of ``evaluation.metrics``; empty for the first.
    """

    methods: tuple[str, ...] = ()
    column: str = "average"
    metric: str = ""


AnalysisName = Literal["saliency", "leave_one_out", "clusters", "shift", "similarity", "picture"]


class AnalysisEntry(StrictModel):
    """The ``analysis:`` section: what to look for inside the trained networks; see docs/analysis.md.

    Attributes:
        analyses: which; all of them by default.
        dataset: one of ``evaluation.datasets``; empty for the first.
        degradations: some of ``evaluation.degradations``; empty for all.
        reference: the degradation that the others are compared with, and that the generalization gap is measured from;
            empty for the first.
        blocks: numbers of blocks, from 1, or ``all``. The first and the last layer are always looked at.
        images: how many, in the order of the data set's manifest; none for all.
        crop: side of the middle part of each degraded image that is used, in pixels.
        patches: for the index on own patches.
        leave_out_at: the layers whose channels ``leave_one_out`` leaves out: the ``last`` alone, or ``all`` that are
            looked at; each channel of each costs a pass of what follows it.
        over_time: whether to analyse the weights that ``keep_every`` keeps, too.
    """

    analyses: tuple[AnalysisName, ...] = Field(default=get_args(AnalysisName), min_length=1)
    dataset: str = ""
    degradations: tuple[str, ...] = ()
    reference: str = ""
    blocks: Literal["all"] | tuple[Annotated[int, Field(ge=1)], ...] = "all"
    images: int | None = Field(default=None, ge=2)
    crop: int = Field(default=64, ge=16)
    patches: int = Field(default=300, ge=2)
    leave_out_at: Literal["last", "all"] = "last"
    over_time: bool = False


class SelectionEntry(StrictModel):
    """The ``selection:`` section: what choosing among kept weights on a test set would gain; see docs/selection.md.

    The harness reports the last weights. This measures, beside them, what the released code does instead.

    Attributes:
        on: the test set that the choice sees, one of ``evaluation.datasets``; empty for Set5 if it is among them, else
            for the first.
        column: a degradation, or ``average`` over all of ``evaluation.degradations``: by what the choice is made, and
            in what its gain is counted.
    """

    on: str = ""
    column: str = "average"


class ExperimentFile(StrictModel):
    """An experiment as written. ``training`` is checked apart, because its degradation names a catalogue entry.

    ``seeds`` may also be written as :class:`harness.experiment.stages.SeedsEntry`; here are those of the present stage.

    Attributes:
        description: what it is for, in a sentence or two; the report begins with it.
        scale: enlargement; 1 for denoising and other restoration.
        networks: entries of ``configs/networks.yaml``.
        variants: entries of ``configs/regularizers.yaml``, or regularizers with their default options.
        references: control rows, which no training has touched.
        external: models from outside as rows beside those trained here, by the name of their row.
        baseline: the variant that differences refer to.
        seeds: of the trainings; a list, or a sequence that ends when it has decided (:class:`SeedsEntry`).
        primary: the few comparisons that are tested before all others.
        margin: metric to the difference that does not matter: within it, methods are called equivalent.
        training: settings of every training.
        evaluation: what is measured.
        tuning: the same search of options for every variant.
        analysis: what to look for inside the trained networks; none without it.
        selection: what choosing among kept weights on a test set would gain; not measured without it.
        data_root: folder of the data sets, relative to the working directory; ``HARNESS_DATA`` overrides it.
        weights_root: folder of the weights of learned metrics; ``HARNESS_WEIGHTS`` overrides it.
        runs_per_gpu: trainings that share a GPU.
        batches: whether the arms of a seed share degraded images on the disk (``keep``), each makes its own
            (``online``), or the free disk decides (``auto``).
        keep_every: iterations between weights that are kept on the way, in ``results/runs/<run>/kept/``; without it
            only the last remain. Neither this nor ``keep_raw`` changes a result or a run's name.
        keep_raw: whether to keep the weights without averaging, too.
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
    analysis: AnalysisEntry | None = None
    selection: SelectionEntry | None = None
    data_root: str = "data"
    weights_root: str = "weights"
    runs_per_gpu: int = Field(default=1, gt=0)
    batches: Literal["auto", "keep", "online"] = "auto"
    keep_every: int | None = Field(default=None, ge=1)
    keep_raw: bool = False
