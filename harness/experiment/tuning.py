"""Tuning: the same number of trials for every variant, judged on held-out images alone, and the runs that follow.

A trial is a run like any other: shorter, with a seed of its own and with options and a learning rate that are drawn.
Trial ``t`` of every variant has the same seed and the same place in the range of learning rates. Once all trials have
ended the best of each variant is written down (:class:`Chosen`), and the experiment's seeds train with its options.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field

from harness.datasets.catalogue import DatasetEntry
from harness.experiment.catalogues import Catalogues, VariantEntry
from harness.experiment.file import ExperimentFile, TuningEntry
from harness.experiment.names import mistake
from harness.experiment.run_names import Stems
from harness.experiment.runs import Run, Spanner
from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.files import content_hash
from harness.foundation.sums import check
from harness.foundation.yamlfile import StrictModel, load_model
from harness.regularizers import load_regularizer, search_space
from harness.regularizers.base import teacher_option
from harness.regularizers.search import DIGITS, Search, Space, drawn, place
from harness.spec import TRIAL_SEEDS


@dataclass(frozen=True)
class Trial:
    """One trial of one variant on one network.

    Attributes:
        number: from 0.
        run: its training.
        options: those that were drawn; the rest are the variant's.
    """

    number: int
    run: Run
    options: Mapping[str, Any]


class Best(StrictModel):
    """The trial that was chosen for a variant on a network.

    Attributes:
        network, variant: whose.
        trial: its number.
        run: the name of the trial's run.
        heldout_l1: its loss on the held-out images, the least of all trials.
        learning_rate: with which the final runs begin.
        options: those that were searched.
    """

    network: str
    variant: str
    trial: int = Field(ge=0)
    run: str
    heldout_l1: float = Field(ge=0)
    learning_rate: float = Field(gt=0)
    options: dict[str, Any]


class Chosen(StrictModel):
    """The file ``results/<experiment>/tuning/chosen.json``.

    Attributes:
        trials: the digest of all trials, :attr:`Tuning.digest`: a choice among others is none.
        best: one for each network and variant.
    """

    trials: str
    best: tuple[Best, ...]


class Tuning:
    """The trials of an experiment. Its :class:`harness.experiment.Experiment` builds it.

    Args:
        path: the experiment's file.
        file: what stands in it.
        catalogues: what its names refer to.
        stems: the names of run folders.

    Raises:
        HarnessError: the held-out images are tested on, a variant has no search space, or a trial cannot be trained.
    """

    def __init__(self, path: Path, file: ExperimentFile, catalogues: Catalogues, stems: Stems) -> None:
        assert file.tuning is not None
        self._path, self._file, self._catalogues, self._stems = path, file, catalogues, stems
        self.entry: TuningEntry = file.tuning
        self._check_heldout()
        self.spaces: dict[str, Space] = {variant: self._space(variant) for variant in file.variants}
        self._teachers: dict[str, Run] = {}
        self._read: tuple[tuple[int, int, int], Chosen | None] | None = None
        self._final: tuple[Chosen, tuple[Run, ...]] | None = None
        self.trials: tuple[Trial, ...] = tuple(self._trials())

    @property
    def file(self) -> Path:
        """Where the choice is written."""
        return layout.chosen(self._path.stem)

    @cached_property
    def digest(self) -> str:
        """A digest of the names of all trials, which hold the hashes of their specs."""
        return content_hash([trial.run.name for trial in self.trials])

    def of(self, network: str, variant: str) -> list[Trial]:
        """Return the trials of a variant on a network, by number."""
        return [trial for trial in self.trials if (trial.run.network, trial.run.variant) == (network, variant)]

    def chosen(self) -> Chosen | None:
        """Return what was chosen; None where nothing is, or among other trials than these.

        Raises:
            HarnessError: the file is not what was written, or no choice of these trials.
        """
        if not self.file.is_file():
            return None
        found = self.file.stat()
        key = (found.st_ino, found.st_size, found.st_ctime_ns)
        if self._read is None or self._read[0] != key:
            self._read = key, self._checked()
        return self._read[1]

    def _checked(self) -> Chosen | None:
        check(self.file)
        found = load_model(self.file, Chosen)
        if found.trials != self.digest:
            return None
        names = {(trial.run.network, trial.run.variant, trial.number): trial.run.name for trial in self.trials}
        wanted = {(network, variant) for network, variant, _ in names}
        if {(one.network, one.variant) for one in found.best} != wanted or any(
            names.get((one.network, one.variant, one.trial)) != one.run for one in found.best
        ):
            raise HarnessError(f"{self.file}: no choice among the trials of {self._path}; {layout.remedy(self.file)}")
        return found

    def final_runs(self, chosen: Chosen) -> tuple[Run, ...]:
        """Return the runs of all variants with what was chosen for them: one for each seed of the experiment."""
        if self._final is not None and self._final[0] == chosen:
            return self._final[1]
        spanners: dict[int, Spanner] = {}
        runs: list[Run] = []
        for best in chosen.best:
            if best.trial not in spanners:
                spanners[best.trial] = self._spanner(best.trial, 1.0, self._file.seeds)
            options = drawn(self.spaces[best.variant], best.trial)
            runs += self._span(spanners[best.trial], best.network, best.variant, best.trial, 1.0, options)
        for spanner in spanners.values():
            self._learn_teachers(spanner.teachers)
        self._final = chosen, tuple(runs)
        return self._final[1]

    def find(self, name: str) -> Run | None:
        """Return the run of that name: a trial, a run with chosen options, or the teacher of one of these."""
        if name in self._by_name:
            return self._by_name[name]
        return next((run for run in (*self._final_runs(), *self._teachers.values()) if run.name == name), None)

    def teacher(self, spec_hash: str) -> Run | None:
        """Return the run with that spec, if it teaches a trial or a run with chosen options."""
        if spec_hash not in self._teachers:
            self._final_runs()
        return self._teachers.get(spec_hash)

    def _final_runs(self) -> tuple[Run, ...]:
        chosen = self.chosen()
        return self.final_runs(chosen) if chosen else ()

    @cached_property
    def _by_name(self) -> dict[str, Run]:
        return {trial.run.name: trial.run for trial in self.trials}

    def _trials(self) -> Iterator[Trial]:
        share = self.entry.iterations
        spanners = [self._spanner(t, share, (TRIAL_SEEDS + t,)) for t in range(self.entry.trials)]
        for network in self._file.networks:
            for variant in self._file.variants:
                for number, spanner in enumerate(spanners):
                    options = drawn(self.spaces[variant], number)
                    (run,) = self._span(spanner, network, variant, number, share, options)
                    yield Trial(number, run, options)
        for spanner in spanners:
            self._learn_teachers(spanner.teachers)

    def _spanner(self, trial: int, share: float, seeds: tuple[int, ...]) -> Spanner:
        """Return what resolves runs of a part of the experiment's length, at the learning rate of a trial."""
        training = self._scaled(self._file.training, trial, share)
        return Spanner(
            self._path,
            self._file.model_copy(update={"training": training, "seeds": seeds}),
            self._catalogues,
            self._stems,
        )

    def _span(
        self, spanner: Spanner, network: str, variant: str, trial: int, share: float, options: dict[str, Any]
    ) -> list[Run]:
        base = self._catalogues.variant(variant)
        entry = base.model_copy(
            update={
                "options": base.options | options,
                "options_by_network": {name: own | options for name, own in base.options_by_network.items()},
                "training": self._scaled(base.training, trial, share),
            }
        )
        try:
            return spanner.span(network, variant, entry)
        except HarnessError as error:
            reason = str(error).removeprefix(f"{self._path}: ")
            problem = f"trial {trial} of {variant!r}, {spanner.training.iterations} iterations: {reason}"
            raise mistake(self._path, "tuning", problem) from error

    def _scaled(self, training: Mapping[str, Any], trial: int, share: float) -> dict[str, Any]:
        scaled = dict(training)
        if "iterations" in scaled:
            scaled["iterations"] = max(1, round(scaled["iterations"] * share))
        if "learning_rate" in scaled and self.entry.learning_rate > 1:
            where = Search(1 / self.entry.learning_rate, self.entry.learning_rate, log=True)
            rate = scaled["learning_rate"] * where.at(place("learning_rate", trial))
            scaled["learning_rate"] = float(f"{rate:.{DIGITS}g}")
        return scaled

    def _learn_teachers(self, runs: Iterable[Run]) -> None:
        self._teachers |= {run.spec.hash: run for run in runs}

    def _space(self, variant: str) -> Space:
        entry = self._catalogues.variant(variant)
        try:
            return _searched(variant, entry, self._catalogues.variants_file)
        except HarnessError as error:
            raise mistake(self._path, "tuning", str(error)) from error

    def _check_heldout(self) -> None:
        """Refuse to choose by images that are tested on."""
        heldout = self._file.training["heldout"]
        datasets, tested = self._catalogues.datasets, self._file.evaluation
        systematic = (entry.dataset for entry in tested.systematic)
        for name in (*tested.datasets, *tested.real_paired, *tested.real_unpaired, *systematic):
            if name == heldout or _same_images(datasets[name], datasets[heldout]):
                problem = f"{heldout!r}: tuning would choose by images of the test set {name!r}; name other ones"
                raise mistake(self._path, "training.heldout", problem)


def _same_images(one: DatasetEntry, other: DatasetEntry) -> bool:
    """Whether two entries of the catalogue name the same files."""
    return bool(one.folder) and (one.folder, one.pattern) == (other.folder, other.pattern)


def _searched(variant: str, entry: VariantEntry, catalogue: Path) -> Space:
    """Return what tuning searches of a variant: all that its regularizer declares, but what the variant fixes.

    Raises:
        HarnessError: it has options and none of them has a search space, or it fixes an option that is none.
    """
    options = load_regularizer(entry.regularizer).Options
    space = search_space(entry.regularizer)
    for name in entry.fixed:
        if name not in options.model_fields:
            known = ", ".join(options.model_fields) or "none"
            raise HarnessError(f"{catalogue}: {variant}: fixed: {name!r}: unknown option; allowed: {known}")
    free = [name for name in options.model_fields if name not in (*entry.fixed, teacher_option(options))]
    if free and not space:
        kind = getattr(options.model_fields[free[0]].annotation, "__name__", "str")
        raise HarnessError(
            f"variant {variant!r}: {_source(options)}: {options.__name__}: declares no search space; write such as "
            f"{free[0]}: Annotated[{kind}, Search(low, high)]"
        )
    return {name: where for name, where in space.items() if name not in entry.fixed}


def _source(options: type) -> str:
    import inspect

    return inspect.getfile(options)
