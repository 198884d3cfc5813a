"""How long a whole experiment will still take, from what is done, what is left, and speeds that were measured."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.experiment import Experiment
from harness.experiment.analyses import Analyses
from harness.experiment.kept_weights import Checkpoint
from harness.foundation import durations
from harness.foundation.timings import seconds_of
from harness.workflow.forecast.status import Status, statuses

_FRESH = 20.0  # seconds for which an answer stands: in large sweeps the files are many


@dataclass(frozen=True)
class Left:
    """What is left of an experiment.

    Attributes:
        trainings, evaluations, analyses: that are not done.
        seconds: of what is known, at the present number of runs side by side.
        unknown: of these, those of which no speed is known.
    """

    trainings: int
    evaluations: int
    analyses: int
    seconds: float
    unknown: int

    def line(self) -> str:
        """Return it in words."""
        counts = {"trainings": self.trainings, "evaluations": self.evaluations, "analyses": self.analyses}
        what = [f"{count} {kind}" for kind, count in counts.items() if count]
        if not what:
            return "only tables, figures and report are left"
        least = "at least" if self.unknown else "about"
        known = f"{least} {durations.shown(self.seconds)} left" if self.seconds else "time left not known yet"
        joined = " and ".join(filter(None, [", ".join(what[:-1]), what[-1]]))
        missing = f", {self.unknown} of unknown length" if self.unknown and self.seconds else ""
        return f"{known} ({joined} to go{missing})"


class Outlook:
    """What is left of an experiment, looked at again every now and then."""

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._line, self._looked = "", float("-inf")
        self._most = 1  # runs that were seen side by side: between two jobs there may be none

    def line(self) -> str:
        """Return what is left in words, at most some seconds old."""
        if time.monotonic() - self._looked > _FRESH:
            states = statuses(self._experiment)
            self._most = max(self._most, _at_work(states))
            self._line = left(self._experiment, states, self._most).line()
            self._looked = time.monotonic()
        return self._line


def left(experiment: Experiment, states: Sequence[Status], slots: int = 1) -> Left:
    """Return what is left of an experiment whose runs are in these states.

    Runs side by side are taken to stay as many as they are now, or ``slots`` if that is more. A run of unknown speed
    is taken to be as fast as the mean of those on its network; tuning and reporting are not counted.
    """
    waiting = [one for one in states if one.state not in ("trained", "evaluated")]
    speeds = _speeds(states)
    needed = [_seconds(one, speeds) for one in waiting]
    known = [seconds for seconds in needed if seconds is not None]
    side_by_side = max(_at_work(states), slots)
    total = max(sum(known) / side_by_side, max(known, default=0.0))
    spent = evaluation_seconds(experiment)
    open_files = [path for path in experiment.metric_files if not path.is_file()]
    for path in open_files:
        total += spent.of(path) / side_by_side
    unknown = len(needed) - len(known) + (len(open_files) if not spent.known else 0)
    looked, open_analyses = analysis_seconds(experiment), analyses_left(experiment)
    total += sum(looked.of(one.rows) for one in open_analyses) / side_by_side
    unknown += 0 if looked.known else len(open_analyses)
    return Left(len(waiting), len(open_files), len(open_analyses), total, unknown)


def analyses_left(experiment: Experiment) -> list[Checkpoint]:
    """Return the weights that are to be analysed and were not yet; none without a section ``analysis``."""
    every = Analyses(experiment).all if experiment.file.analysis else []
    return [one for one in every if not one.rows.is_file()]


@dataclass(frozen=True)
class Times:
    """Mean seconds of the evaluations or analyses that were recorded.

    Attributes:
        means: by evaluation (:func:`harness.foundation.layout.evaluation_stem`) and network of runs; the network ""
            stands for references and models from outside.
    """

    means: dict[tuple[str, str], float]

    @property
    def known(self) -> bool:
        """Whether any was recorded."""
        return bool(self.means)

    def of(self, path: Path) -> float:
        """Return the seconds expected for a file of rows of a run, reference or model; 0 if unknown."""
        network = path.parent.name.partition(".")[0]
        own = {name: seconds for (stem, name), seconds in self.means.items() if _of(path, stem)}
        return own.get(network) or own.get("") or _mean(own.values())


def _of(path: Path, stem: str) -> bool:
    """Whether a file of rows is of what a stem names; those of analyses have the iteration behind it."""
    return path.stem == stem or path.stem.startswith(f"{stem}.")


def evaluation_seconds(experiment: Experiment) -> Times:
    """Return what the evaluations of an experiment have taken so far."""
    return _times(experiment, [(path.parent.name, path.stem) for path in experiment.metric_files])


def analysis_seconds(experiment: Experiment) -> Times:
    """Return what the analyses of an experiment have taken so far, each of one checkpoint."""
    if experiment.file.analysis is None:
        return Times({})
    stem = Analyses(experiment).hash[:8]
    return _times(experiment, [(run.name, stem) for run in experiment.runs])


def _times(experiment: Experiment, asked: Iterable[tuple[str, str]]) -> Times:
    """Return the mean seconds of pairs of a run, reference or model and the stem of what was measured of it."""
    own = {run.name: run.network for run in experiment.runs}
    found: dict[tuple[str, str], list[float]] = {}
    for name, stem in dict.fromkeys(asked):
        seconds = seconds_of(name, stem)
        if seconds is not None:
            found.setdefault((stem, own.get(name, "")), []).append(seconds)
    return Times({key: _mean(times) for key, times in found.items()})


def _speeds(states: Iterable[Status]) -> dict[tuple[str, str], float]:
    """Return iterations per second by (network, variant), and by (network, "") the mean over its variants."""
    seen: dict[tuple[str, str], list[float]] = {}
    for one in states:
        if one.rate:
            for key in ((one.run.network, one.run.variant), (one.run.network, "")):
                seen.setdefault(key, []).append(one.rate)
    return {key: _mean(rates) for key, rates in seen.items()}


def _seconds(one: Status, speeds: dict[tuple[str, str], float]) -> float | None:
    speed = one.rate or speeds.get((one.run.network, one.run.variant)) or speeds.get((one.run.network, ""))
    return (one.run.spec.training.iterations - one.iteration) / speed if speed else None


def _at_work(states: Iterable[Status]) -> int:
    return sum(one.state == "training" for one in states)


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0
