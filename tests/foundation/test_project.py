"""What a working directory adds to the harness, and what it may not change."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.degradations.fixed import degrade_all, select
from harness.evaluation.fidelity import Reference
from harness.evaluation.metrics import get_metric, names
from harness.evaluation.scores import scorer
from harness.experiment.catalogues import Catalogues
from harness.foundation.errors import HarnessError
from harness.foundation.own_code import source_files
from harness.foundation.project import ROOT, import_function, own_file
from harness.reporting.rows.labels import metric_label

CODE = """
def black(image, generator):
    image[generator.random(image.shape[:2]) < 0.5] = 0
    return image

def wrong(image, generator):
    return image / 255

def brightness(output, truth):
    return output.mean() - (0 if truth is None else truth.mean())
"""
METRIC = "  higher_is_better: false\n  unit: levels\n  protocol: mean level\n"


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "page_project.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "page_project", raising=False)


def write(name: str, text: str) -> None:
    Path("configs", name).write_text(text)


def test_without_own_files_there_is_the_harness_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert own_file("configs/networks.yaml") is None
    alone = Catalogues.load()
    monkeypatch.undo()
    assert Catalogues.load() == alone


def test_own_degradations_are_functions_of_their_key() -> None:
    write(
        "degradations.yaml",
        "benchmark:\n  half: {function: 'page_project:black'}\n  bad: {function: 'page_project:wrong'}\n",
    )
    assert "half" in Catalogues.load().degradations
    white = np.full((32, 32, 3), 255, np.uint8)
    first, again, other = (degrade_all(white, select(["half"]), 4, key)["half"] for key in ("a", "a", "b"))
    assert first.shape == (8, 8, 3)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert 0 < first.mean() < 255
    with pytest.raises(HarnessError, match=r"degradation bad: page_project:wrong: must return uint8 \(8, 8, 3\)"):
        degrade_all(white, select(["bad"]), 4, "a")


def test_own_metrics_see_images_without_their_border() -> None:
    write("metrics.yaml", f"level:\n  function: page_project:brightness\n{METRIC}alone:\n  needs_reference: false\n"
          f"  function: page_project:brightness\n{METRIC}")  # fmt: skip
    assert "level" in names(reference=True)
    assert "alone" in names(reference=False)
    assert metric_label("level").unit == "levels"
    assert not metric_label("level").higher_is_better
    output = torch.zeros(1, 12, 12, 3, dtype=torch.uint8)
    output[:, 4:8, 4:8] = 30
    reference = Reference(torch.full((12, 12, 3), 10, dtype=torch.uint8), 4)
    judge = scorer(get_metric("level"))
    assert judge.finish(float(judge.measure(output, reference)[0])) == 20
    with pytest.raises(HarnessError, match="level compares with a ground truth"):
        judge.measure(output, None)
    assert float(scorer(get_metric("alone")).measure(output, None)[0]) == pytest.approx(30 / 9)


def test_names_of_the_harness_keep_their_meaning() -> None:
    write("metrics.yaml", f"psnr_y:\n  function: page_project:brightness\n{METRIC}")
    with pytest.raises(HarnessError, match=r"configs/metrics.yaml: 'psnr_y': the harness has another entry"):
        names(reference=True)
    write("degradations.yaml", "benchmark:\n  blur: {blur: 3.0}\n")
    with pytest.raises(HarnessError, match=r"configs/degradations.yaml: 'blur': the harness has another entry"):
        select(["clean"])


def test_the_same_meaning_may_be_said_twice() -> None:
    write("degradations.yaml", "benchmark:\n  blur: {blur: 2.0}\n")
    assert select(["blur"])["blur"].blur == 2


def test_code_is_found_without_importing_it() -> None:
    assert source_files(["page_project:black"]) == [Path.cwd() / "page_project.py"]
    assert [path.name for path in source_files(["basicsr.archs.srresnet_arch:MSRResNet"])] == ["srresnet_arch.py"]
    assert source_files(["no.such:thing"]) == []
    assert "page_project" not in sys.modules
    with pytest.raises(HarnessError, match="metric x: 'page_project:no': no function 'no' in page_project"):
        import_function("page_project:no", "metric x")
    with pytest.raises(HarnessError, match="module 'no.such' cannot be imported"):
        import_function("no.such:thing", "metric x")
