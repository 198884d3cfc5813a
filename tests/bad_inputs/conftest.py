"""A finished experiment to damage, and the command line in this process."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from harness.commands.app import main
from tests.bad_inputs.case import BASE, ELSEWHERE, EXPERIMENT

RUN = "srresnet_tiny.baseline.s0"


def call(*arguments: str) -> int:
    """Run the command line in this process and return its status."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["harness", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
    return int(end.value.code or 0)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory in which the experiment was run to its tables' input, and another one elsewhere in it."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        finish(patch, folder, EXPERIMENT, BASE, RUN)
        other = BASE.replace("seeds: [0]", "seeds: [1]").replace("[clean]", "[blur]")
        finish(patch, folder / ELSEWHERE, "other.yaml", other, RUN.replace("s0", "s1"))
        shutil.rmtree(folder / ELSEWHERE / "results" / "training_data")
    return folder


def finish(patch: pytest.MonkeyPatch, folder: Path, experiment: str, content: str, run: str) -> None:
    """Run an experiment to its tables' input."""
    folder.mkdir(exist_ok=True)
    patch.chdir(folder)
    Path(experiment).write_text(content)
    for dataset in ("embedded_train", "embedded_heldout"):
        assert call("pack", experiment, dataset) == 0
    assert call("benchmark", experiment, "embedded_test") == 0
    assert call("train", experiment, "--run", run) == 0
    assert call("evaluate", experiment, "--run", run) == 0
    assert call("evaluate", experiment, "--reference", "bicubic") == 0
    assert call("aggregate", experiment) == 0
