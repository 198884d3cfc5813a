"""What reporting needs to know of an experiment: its methods, seeds, sets and metrics, in the order to show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from harness.degradations.sweeps import STEPS
from harness.evaluation.external_entry import ExternalModel
from harness.evaluation.passes import Passes, Shown, shown
from harness.evaluation.references import ReferenceMethod
from harness.experiment import Experiment, Run
from harness.experiment.ablations import Ablation
from harness.experiment.stages import Stage
from harness.experiment.systematic import SystematicSet
from harness.foundation.errors import HarnessError
from harness.reporting.rows.labels import metric_label
from harness.spec import SetSpec

REAL = "real"
"""The degradation name of photographs that nobody degraded; it is left out of averages over degradations."""

AVERAGE = "average"
"""The name of a mean over data sets (as a scope) or over degradations (as a column)."""


@dataclass(frozen=True)
class StudyRun:
    """One training run: ``name`` is its folder below ``results/runs``."""

    name: str
    network: str
    variant: str
    regularizer: str
    seed: int


@dataclass(frozen=True)
class EvaluationSet:
    """One degradation of one data set and the metrics asked for on it."""

    dataset: str
    degradation: str
    metrics: tuple[str, ...]


@dataclass(frozen=True)
class Primary:
    """The comparisons with the baseline that are tested first; all others are exploratory.

    Attributes:
        methods: the trained methods compared; empty for all of them.
        column: a degradation, or "average".
        metric: "" for the study's first one.
    """

    methods: tuple[str, ...] = ()
    column: str = AVERAGE
    metric: str = ""


@dataclass(frozen=True)
class Study:
    """The comparison that tables, figures and the report describe.

    Attributes:
        name: the experiment's name; it also seeds every random number of the statistics.
        description: one paragraph for the report.
        networks: network names, one block of the main table each.
        methods: trained variants in the order to show them.
        references: control rows such as ``bicubic``, shown before the trained methods; ``untrained`` is one for each
            network, the others are one for all.
        externals: models from outside, shown between the two: one checkpoint each, without a seed.
        seeds: training seeds.
        sets: what every method is evaluated on.
        baseline: the variant that differences refer to.
        runs: the training runs; a variant may lack some networks or seeds.
        scale: the factor of super-resolution.
        experiment: path of the experiment's file, for the commands in the report.
        annealed: the variants whose noise is annealed during training, for the figure of that.
        controls: the references as they are measured; those of which nothing but a name is known are left out.
        primary: which comparisons are primary.
        margins: metric to the difference below which methods count as equivalent, where it is not the metric's own.
        stage: where it stands if it adds seeds until it is decided.
        ways: the networks that draw random numbers at test time, as ``networks`` has them: run in one way or another.
        catalogued: the names in the catalogue of those networks.
        left_out: data sets that somebody asked to do without.
        swept: sets of sweeps, which have no part in tables and averages.
        systematic: sets of many degradations, which have none either.
    """

    name: str
    description: str
    networks: tuple[str, ...]
    methods: tuple[str, ...]
    references: tuple[str, ...]
    seeds: tuple[int, ...]
    sets: tuple[EvaluationSet, ...]
    baseline: str
    runs: tuple[StudyRun, ...]
    scale: int = 4
    experiment: str = ""
    annealed: tuple[str, ...] = ()
    externals: tuple[ExternalModel, ...] = ()
    controls: tuple[ReferenceMethod, ...] = ()
    primary: Primary = Primary()
    margins: Mapping[str, float] = field(default_factory=dict, hash=False)
    stage: Stage | None = None
    ways: tuple[Shown, ...] = ()
    catalogued: Mapping[str, str] = field(default_factory=dict, hash=False)
    left_out: tuple[str, ...] = ()
    swept: tuple[EvaluationSet, ...] = ()
    systematic: tuple[SystematicSet, ...] = ()
    _index: dict[tuple[str, str, int], StudyRun] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        if self.baseline not in self.methods + self.references:
            raise HarnessError(
                f"{self.name}: baseline: {self.baseline!r} is not among the methods "
                f"({', '.join(self.references + self.methods)}); name one of them"
            )
        for run in self.runs:
            self._index[(run.network, run.variant, run.seed)] = run

    @cached_property
    def seedless(self) -> tuple[str, ...]:
        """References, then models from outside: what no seed of the study has a part in."""
        return self.references + tuple(model.name for model in self.externals)

    @cached_property
    def all_methods(self) -> tuple[str, ...]:
        """References, then models from outside, then trained variants."""
        return self.seedless + self.methods

    @property
    def trainings(self) -> Study:
        """The study of what was trained, in which a network stands once, however many ways there are to run it."""
        if not self.catalogued:
            return self
        runs = {run.name: replace(run, network=self.network_of(run.network)) for run in self.runs}
        names = _ordered(map(self.network_of, self.networks))
        return replace(self, networks=names, runs=tuple(runs.values()), ways=(), catalogued={})

    @property
    def draws(self) -> Study:
        """The study of what each seed of random numbers at test time gave: each is a network of its own."""
        names = {drawn: way for way in self.ways for drawn in way.drawn}
        runs = [
            replace(run, network=drawn) for drawn, way in names.items() for run in self.runs if run.network == way.name
        ]
        catalogued = {drawn: way.network for drawn, way in names.items()}
        return replace(self, networks=tuple(names), runs=tuple(runs), ways=(), catalogued=catalogued)

    def network_of(self, name: str) -> str:
        """Return the name in the catalogue of one of ``networks``."""
        return self.catalogued.get(name, name)

    def passes(self, name: str) -> Passes | None:
        """Return how pictures of a network are made that draws random numbers; None for any other."""
        return next((way.example for way in self.ways if way.name == name), None)

    def control(self, reference: str, network: str) -> ReferenceMethod:
        """Return what stands as the reference of that name in the block of ``network``."""
        own = ("", self.network_of(network))
        found = (method for method in self.controls if method.name == reference and method.network in own)
        return next(found, ReferenceMethod(reference))

    def external(self, method: str) -> ExternalModel | None:
        """Return the model from outside of that name, or None if the method is none."""
        return next((model for model in self.externals if model.name == method), None)

    def on(self, part: SystematicSet) -> Study:
        """Return the study of one set of many degradations."""
        return replace(self, sets=_split(part.part), swept=(), systematic=(), primary=Primary())

    @property
    def with_all_sets(self) -> Study:
        """The study of everything that is measured."""
        systematic = (item for part in self.systematic for item in _split(part.part))
        return replace(self, sets=(*self.sets, *self.swept, *systematic), swept=(), systematic=())

    @cached_property
    def datasets(self) -> tuple[str, ...]:
        """Data sets in the order in which ``sets`` first names them."""
        return _ordered(item.dataset for item in self.sets)

    @cached_property
    def degradations(self) -> tuple[str, ...]:
        """Degradations in the order in which ``sets`` first names them."""
        return _ordered(item.degradation for item in self.sets)

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Metrics in the order in which ``sets`` first names them; the first one is the main table's."""
        return _ordered(metric for item in self.sets for metric in item.metrics)

    @cached_property
    def primary_methods(self) -> frozenset[str]:
        """The trained methods whose comparison with the baseline is primary."""
        return frozenset(self.primary.methods or self.methods) - {self.baseline}

    @property
    def primary_metric(self) -> str:
        """The metric of the primary comparisons."""
        return self.primary.metric or self.metrics[0]

    @property
    def share(self) -> float:
        """The share of the level that its tables may spend: all of it, unless seeds are added until it is decided."""
        return 1.0 if self.stage is None else self.stage.share

    def margin(self, metric: str) -> float | None:
        """Return the difference below which methods count as equivalent by a metric, or None if there is none."""
        return self.margins.get(metric, metric_label(metric).margin)

    def run(self, network: str, variant: str, seed: int) -> StudyRun | None:
        """Return the run of this cell, or None if the experiment has none."""
        return self._index.get((network, variant, seed))

    def methods_of(self, network: str) -> tuple[str, ...]:
        """Return the references, the models from outside and those variants that are trained on ``network``.

        A model from outside whose network is another one of the study's is left out: it stands with that network.
        """
        trained = {run.variant for run in self.runs if run.network == network}
        others = set(map(self.network_of, self.networks)) - {self.network_of(network)}
        outside = tuple(model.name for model in self.externals if model.network not in others)
        return self.references + outside + tuple(method for method in self.methods if method in trained)

    @classmethod
    def product(
        cls,
        name: str,
        *,
        networks: Sequence[str] = ("srresnet",),
        methods: Sequence[str] = ("baseline", "dropout"),
        references: Sequence[str] = ("bicubic",),
        seeds: Sequence[int] = (0,),
        datasets: Sequence[str] = ("Set5",),
        degradations: Sequence[str] = ("clean",),
        metrics: Sequence[str] = ("psnr_rgb",),
        baseline: str = "baseline",
        description: str = "",
    ) -> Study:
        """Build the full product: every variant on every network and seed, every degradation of every data set."""
        runs = tuple(
            StudyRun(f"{network}.{method}.s{seed}.00000000", network, method, method.split("_q")[0], seed)
            for network in networks
            for method in methods
            for seed in seeds
        )
        sets = tuple(
            EvaluationSet(dataset, degradation, tuple(metrics)) for dataset in datasets for degradation in degradations
        )
        return cls(
            name, description, tuple(networks), tuple(methods), tuple(references), tuple(seeds), sets, baseline, runs
        )


def study_of(experiment: Experiment) -> Study:
    """Return what reporting needs to know of an experiment."""
    annealed = [run.variant for run in experiment.runs if run.spec.regularizer.options.get("order", "none") != "none"]
    ways = [way for network, passes in experiment.evaluation.test_time.items() for way in shown(network, passes)]
    return Study(
        name=experiment.name,
        description=experiment.file.description,
        networks=tuple(name for network in experiment.file.networks for name in _names(experiment, network)),
        methods=experiment.file.variants,
        references=experiment.file.references,
        seeds=experiment.file.seeds,
        sets=_sets(experiment, of_sweeps=False),
        baseline=experiment.file.baseline,
        runs=study_runs(experiment, experiment.runs),
        scale=experiment.file.scale,
        experiment=str(experiment.path),
        annealed=_ordered(annealed),
        externals=experiment.externals,
        controls=experiment.references,
        primary=Primary(**experiment.file.primary.model_dump()),
        margins=experiment.file.margin,
        stage=experiment.stage,
        ways=tuple(ways),
        catalogued={way.name: way.network for way in ways},
        left_out=experiment.left_out,
        swept=_sets(experiment, of_sweeps=True),
        systematic=experiment.systematic,
    )


def study_of_ablation(ablation: Ablation) -> Study:
    """Return what reporting needs to know of a study: its levels are the methods, its control is the baseline."""
    experiment = ablation.experiment
    return replace(
        study_of(experiment),
        name=f"{experiment.name}: {ablation.file.title}",
        description=ablation.file.question,
        methods=ablation.levels,
        references=(),
        baseline=ablation.file.control,
        runs=study_runs(experiment, ablation.runs),
        annealed=(),
        externals=(),
        controls=(),
        primary=Primary(),
        systematic=(),
    )


def study_runs(experiment: Experiment, runs: Iterable[Run], variant: str = "{}") -> tuple[StudyRun, ...]:
    """Return trainings as reporting sees them: those of a network that draws at test time once for each way to run it.

    Args:
        experiment: that they belong to.
        runs: the trainings.
        variant: how it calls theirs.
    """
    return tuple(
        StudyRun(run.name, name, variant.format(run.variant), run.regularizer, run.seed)
        for run in runs
        for name in _names(experiment, run.network)
    )


def _names(experiment: Experiment, network: str) -> tuple[str, ...]:
    """Return the names under which a network of the catalogue is shown."""
    passes = experiment.evaluation.test_time.get(network)
    return (network,) if passes is None else tuple(way.name for way in shown(network, passes))


def _sets(experiment: Experiment, *, of_sweeps: bool) -> tuple[EvaluationSet, ...]:
    found = (single for item in experiment.evaluation.sets for single in _split(item))
    return tuple(single for single in found if (single.degradation in STEPS) == of_sweeps)


def _split(part: SetSpec) -> tuple[EvaluationSet, ...]:
    return tuple(EvaluationSet(part.dataset, degradation, part.metrics) for degradation in part.degradations)


def _ordered(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
