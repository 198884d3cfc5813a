"""What the Snakefile asks of an experiment: file lists, patterns and the check before the first job. No torch."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from harness import layout, preflight
from harness.errors import HarnessError
from harness.experiment import Experiment, load_experiment
from harness.provenance import regularizer_module, stage_modules
from harness.reporting.files import figure_files, table_files
from harness.spec import TrainingSpec

DEFAULT = "configs/experiments/paper.yaml"


def experiment_file(configfiles: list[str], config: Mapping[str, Any]) -> str:
    """Return the one experiment file that was asked for; by default the paper's.

    Raises:
        HarnessError: several files, or single values on the command line: they would hide in no file.
    """
    if len(configfiles) > 1:
        raise HarnessError(
            f"--configfile: {', '.join(map(str, configfiles))}: give one experiment file, they are not merged"
        )
    if config and not configfiles:
        given = ", ".join(f"{key}={value}" for key, value in config.items())
        raise HarnessError(f"--config: {given}: write it into an experiment file and give that with --configfile")
    return str(configfiles[0]) if configfiles else DEFAULT


@contextmanager
def reporting_to(exception: type[Exception]) -> Iterator[None]:
    """Turn the harness's errors into Snakemake's, which it prints without a traceback."""
    try:
        yield
    except HarnessError as error:
        raise exception(str(error)) from None


class Plan:
    """The files that an experiment spans, and which code makes them.

    Args:
        path: the experiment's file.
    """

    def __init__(self, path: str) -> None:
        self._experiment: Experiment = load_experiment(path)
        self.path = path
        self.name = self._experiment.name
        self.training: TrainingSpec = self._experiment.training
        self.evaluation = self._experiment.evaluation.hash[:8]
        self.degradations = self._experiment.file.evaluation.degradations
        self.variant_pattern = self._experiment.variant_pattern

    @staticmethod
    def python_folder() -> str:
        """Return the folder of the running Python."""
        return str(Path(sys.executable).parent)

    @staticmethod
    def code(stage: str) -> list[str]:
        """Return the source files that decide the results of a stage."""
        return _relative(stage_modules(stage))

    def training_code(self, variant: str) -> list[str]:
        """Return the source files that decide the results of training one variant."""
        return _relative(stage_modules("train") + regularizer_module(self._regularizers[variant]))

    @property
    def gpus(self) -> int:
        """GPUs of one training job."""
        return self.training.processes if self._experiment.needs_gpu else 0

    @property
    def other_variants_pattern(self) -> str:
        """A pattern of the variants whose regularizer has no rule of its own."""
        folder = Path(__file__).resolve().parents[1] / "workflow" / "regularizers"
        return self._experiment.other_variants_pattern(path.stem for path in folder.glob("*.smk"))

    def datasets_pattern(self, *kinds: str) -> str:
        """Return a pattern of the evaluated datasets of some kinds; one that never matches if there are none."""
        names = [s.dataset for s in self._experiment.evaluation.sets if self._experiment.kind(s.dataset) in kinds]
        return "|".join(map(re.escape, names)) or "(?!)"

    @cached_property
    def manifests(self) -> list[str]:
        """The manifests of every evaluated set."""
        found = []
        for part in self._experiment.evaluation.sets:
            hr = [] if part.degradations == ("real",) else ["hr"]
            found += [str(layout.manifest(part.dataset, name)) for name in (*hr, *part.degradations)]
        return found

    @cached_property
    def weights(self) -> list[str]:
        """The weights of every run."""
        return [str(layout.run(run.name) / "weights.safetensors") for run in self._experiment.runs]

    @cached_property
    def records(self) -> list[str]:
        """The history and record of every run."""
        names = ("history.csv", "run.json")
        return [str(layout.run(run.name) / name) for run in self._experiment.runs for name in names]

    @cached_property
    def metrics(self) -> list[str]:
        """The metrics of every run and reference."""
        return [str(path) for path in self._experiment.metric_files]

    @cached_property
    def tables(self) -> list[str]:
        """The tables of the experiment."""
        return _relative(table_files(self._experiment))

    @cached_property
    def figures(self) -> list[str]:
        """The figures of the experiment."""
        return _relative(figure_files(self._experiment))

    @cached_property
    def _regularizers(self) -> dict[str, str]:
        return {run.variant: run.regularizer for run in self._experiment.runs}

    def preflight(self, jobs: Iterable[Any], limits: Mapping[str, Any]) -> None:
        """Stop before the first job if anything is missing that the coming jobs need.

        Args:
            jobs: Snakemake's jobs that will run.
            limits: Snakemake's global resource limits.

        Raises:
            HarnessError: one list of all that is missing and what to do for each.
        """
        needs = preflight.Needs.of((job.rule.name, dict(job.wildcards_dict)) for job in jobs)
        problems = preflight.problems(self._experiment, needs, limits.get("gpu"))
        if problems:
            raise HarnessError("\n".join(["before this can run:", *(f"  - {line}" for line in problems)]))


def _relative(paths: Iterable[Path]) -> list[str]:
    here = Path.cwd()
    return [str(p.relative_to(here) if p.is_absolute() and p.is_relative_to(here) else p) for p in paths]
