"""Two repositories whose package is called `model`, and one that brings its own BasicSR, beside each other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from harness.commands.app import main
from harness.evaluation.external import load_external
from harness.evaluation.external_entry import ExternalEntry, ExternalModel, resolve_external
from harness.evaluation.python_path import select
from tests.bad_inputs.case import BASE
from tests.conftest import ROOT

NETWORK = """\
import torch
from torch import nn
from model.parts import WIDTH

print("a banner")

class Net(nn.Module):
    def __init__(self, scale: int = 4):
        super().__init__()
        self.conv = nn.Conv2d(3, WIDTH * scale**2, 1)
        self.steps = [x.item() for x in torch.linspace(0, 1, 3)]  # cannot be done on the meta device
        self.scale = scale

    def forward(self, images):
        from model.parts import place  # when it runs
        return place(nn.functional.pixel_shuffle(self.conv(images), self.scale))
"""
PARTS = """\
WIDTH = 3

def place(images):
    return images * 0 + {value}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two repositories and their weights in the working directory."""
    monkeypatch.chdir(tmp_path)
    for name, value in (("first", 0.25), ("second", 0.75)):
        package = tmp_path / name / "model"
        package.mkdir(parents=True)
        (package / "net.py").write_text(NETWORK)  # without an __init__.py, as many have it
        (package / "parts.py").write_text(PARTS.format(value=value))
        torch.save({"conv.weight": torch.zeros(48, 3, 1, 1), "conv.bias": torch.zeros(48)}, f"{name}.pth")
    return tmp_path


def model(name: str) -> ExternalModel:
    entry = ExternalEntry(weights=f"{name}.pth", network="model.net:Net", python_path=name)
    return resolve_external(name, entry, {}, Path())


def test_each_model_has_its_own_package() -> None:
    before, modules = list(sys.path), set(sys.modules)
    try:
        for name, value in (("first", 0.25), ("second", 0.75), ("first", 0.25)):
            network = load_external(model(name), 4)
            assert network(torch.zeros(1, 3, 4, 4)).unique().tolist() == [value]
            assert len(sys.path) == len(before) + 1
    finally:
        select(None)
    assert sys.path == before
    assert not {name for name in sys.modules.keys() - modules if name.partition(".")[0] == "model"}


def test_a_repository_with_a_basicsr_of_its_own(here: Path) -> None:
    import basicsr

    (here / "fork" / "basicsr").mkdir(parents=True)
    (here / "fork" / "basicsr" / "__init__.py").write_text("FORK = True\n")
    (here / "fork" / "torch").mkdir()
    (here / "fork" / "torch" / "__init__.py").write_text("raise SystemExit\n")
    try:
        select(here / "fork")
        import basicsr as theirs

        assert theirs.FORK
        assert sys.modules["torch"] is torch
    finally:
        select(None)
    assert sys.modules["basicsr"] is basicsr


def test_the_commands_take_the_folder(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    external = "".join(
        f'  {name}: {{weights: {name}.pth, network: "model.net:Net", python_path: {name}}}\n'
        for name in ("first", "second")
    )
    wrong = '  third: {weights: first.pth, network: "model.net:Net", python_path: first, arguments: {scale: 2}}\n'
    (here / "mine.yaml").write_text(f"{BASE}weights_root: .\nexternal:\n{external}")
    (here / "wrong.yaml").write_text(f"{BASE}weights_root: .\nexternal:\n{external}{wrong}")

    def call(*arguments: str) -> tuple[int, str]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["harness", *arguments])
            with pytest.raises(SystemExit) as end:
                main()
        return int(end.value.code or 0), "".join(capfd.readouterr())

    status, text = call("check", "mine.yaml")
    assert status == 0, text
    status, text = call("doctor", "wrong.yaml")
    assert status == 1
    lines = [" ".join(line.split()) for line in text.splitlines() if " weights " in line]
    assert lines[:2] == ["ok weights external first: first.pth", "ok weights external second: second.pth"]
    assert lines[2].startswith("problem weights external third: first.pth: not weights of this Net: has ")
    options = ["--network", "model.net:Net", "--datasets", "embedded_test", "--degradations", "clean", "--generate"]
    means = {}
    try:
        for name in ("first", "second"):
            status, text = call("evaluate", "--weights", f"{name}.pth", "--python-path", name, *options)
            assert status == 0, text
            assert f"{name}: model.net:Net from {name}, {name}.pth, SHA-256" in text
            means[name] = next(line for line in text.splitlines() if line.startswith("| embedded_test"))
    finally:
        select(None)
    assert means["first"] != means["second"]


def test_planning_reads_no_torch() -> None:
    code = "import sys, harness.evaluation.probe_external; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True)
    assert found.stdout == "False\n"
