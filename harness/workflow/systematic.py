"""What the Snakefile asks of an experiment's sets of many degradations: their images, and their files of metrics."""

from __future__ import annotations

import re
from functools import cached_property

from harness.experiment import Experiment
from harness.foundation import layout
from harness.spec import EvaluationSpec, SetSpec


class SystematicPlan:
    """The files of ``evaluation.systematic``; none without it.

    Args:
        experiment: the experiment.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._sets = {layout.evaluation_stem(one.key): one for one in experiment.systematic}

    @property
    def there(self) -> bool:
        """Whether there are any."""
        return bool(self._sets)

    @property
    def pattern(self) -> str:
        """A pattern of what their files of metrics are called; one that never matches if there are none."""
        return "|".join(map(re.escape, self._sets)) or "(?!)"

    @cached_property
    def datasets(self) -> list[str]:
        """The data sets that they are made of."""
        return list(dict.fromkeys(one.part.dataset for one in self._sets.values()))

    def index(self, stem: str) -> str:
        """Return the file that stands for all images of the set whose metrics are called ``stem``."""
        spec = self._sets[stem].evaluation
        return _index(spec, spec.sets[0])

    def options(self, stem: str) -> list[str]:
        """Return what ``evaluate`` is told to measure on the set whose metrics are called ``stem``."""
        return ["--systematic", self._sets[stem].name]

    def key(self, stem: str) -> str:
        """Return the evaluation of the set whose metrics are called ``stem``, its name and hash; "" without any."""
        return self._sets[stem].key if stem else ""

    def before(self, dataset: str) -> list[str]:
        """Return what must be there before these images of a data set are made: its images of the evaluation, if any.

        Both have the same ground truths, and two jobs at once would write them.
        """
        spec = self._experiment.evaluation
        return [_index(spec, part) for part in spec.sets if part.dataset == dataset]

    def images(self, dataset: str) -> list[str]:
        """Return the manifests of a data set in every degradation of these sets, and an index for each set.

        In the paths its folder is the wildcard ``dataset``.
        """
        scale = self._experiment.file.scale
        specs = [one.evaluation for one in self._sets.values() if one.part.dataset == dataset]
        names = [
            *(["hr"] * (not self.before(dataset))),
            *(name for spec in specs for name in spec.sets[0].degradations),
        ]
        manifests = [layout.manifest(scale, dataset, name) for name in dict.fromkeys(names)]
        paths = [*map(str, manifests), *(_index(spec, spec.sets[0]) for spec in specs)]
        return [path.replace(f"/{dataset}/", "/{dataset}/") for path in paths]


def _index(spec: EvaluationSpec, part: SetSpec) -> str:
    return str(layout.benchmark_index(spec.scale, part.dataset, part.degradations, spec.recipes))
