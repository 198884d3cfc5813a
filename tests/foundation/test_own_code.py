"""The user's own code behind an import path is found whole, without importing it, and nothing else with it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.foundation.own_code import source_files
from harness.foundation.project import ROOT
from harness.regularizers import source_of
from harness.training.code import deciding_files

FILES = {
    "page_ideas/__init__.py": "from page_ideas import constants\n",
    "page_ideas/constants.py": "RATE = 0.5\n",
    "page_ideas/method.py": "import math\nimport torch\nfrom page_ideas.parts.mask import mask\nimport page_shared\n"
    "def build():\n    from . import late\n    from .. import nothing\n",
    "page_ideas/late.py": "import importlib\nimportlib.import_module('page_ideas.by_name')\n",
    "page_ideas/by_name.py": "from page_ideas.late import importlib\n",  # a circle
    "page_ideas/parts/mask.py": "from .deeper import one\nfrom harness.regularizers.dropout import Dropout\n",
    "page_ideas/parts/deeper.py": "import numpy as np\nfrom harness.foundation.rng import Draws\n",
    "page_ideas/unused.py": "",
    "page_shared.py": "import yaml\n",
    "page_broken.py": "import page_shared\ndef (:\n",
}
REACHED = {"__init__", "constants", "method", "late", "by_name", "mask", "deeper", "page_shared"}
HARNESS = {"base", "batch", "dropout", "_noise", "_collective"}


def write(folder: Path, files: dict[str, str] = FILES) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def stems(*paths: str) -> set[str]:
    return {path.stem for path in source_files(paths)}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in the working directory, where Python finds it."""
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("project")
def test_imports_are_followed_in_the_project() -> None:
    before = set(sys.modules)
    assert stems("page_ideas.method:Method") == REACHED | HARNESS
    assert not {name for name in set(sys.modules) - before if name.startswith("page_")}


@pytest.mark.usefixtures("project")
def test_a_file_that_cannot_be_read_as_python_counts_itself() -> None:
    assert stems("page_broken:x") == {"page_broken"}


def test_the_order_is_that_of_names_wherever_the_project_lies(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [path.name for path in source_files(["page_ideas.method:Method"])]
    other = project / "a" / "much" / "deeper" / "place"
    write(other)
    monkeypatch.chdir(other)
    monkeypatch.syspath_prepend(other)
    assert [path.name for path in source_files(["page_ideas.method:Method"])] == names
    assert all(path.is_relative_to(other) for path in source_files(["page_ideas.method:Method"]) if "page" in str(path))


def test_an_edit_is_seen_in_the_same_process(project: Path) -> None:
    (project / "page_ideas/constants.py").write_text("import page_ideas.unused\nRATE = 0.5\n")
    assert stems("page_ideas.method:Method") == REACHED | HARNESS | {"unused"}


def test_what_lies_on_the_path_below_the_project_counts(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project / "lib", {"page_shared.py": "import page_library\n", "page_library.py": ""})
    (project / "page_shared.py").unlink()
    assert "page_shared" not in stems("page_ideas.method:Method")
    monkeypatch.syspath_prepend(project / "lib")
    assert {"page_shared", "page_library"} <= stems("page_ideas.method:Method")


def test_of_an_installed_package_its_own_modules_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "lib" / "python3" / "site-packages"
    write(installed)
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(installed)
    assert stems("page_ideas.method:Method") == (REACHED - {"page_shared"}) | HARNESS


def test_beside_a_module_on_the_path_its_neighbours_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(tmp_path)
    assert "page_shared" in stems("page_ideas.method:Method")


def test_of_the_harness_regularizers_know_their_helpers_and_nothing_higher() -> None:
    for name, others in (("dropout", {"_noise"}), ("adaptive_dropout", {"_noise", "_gate"}), ("baseline", set())):
        assert {path.stem for path in source_of(name)} == {name, "base", "batch", "_collective"} | others
    names = {path.name for path in deciding_files("dropout", "harness.networks.srresnet_x1:SRResNetX1")}
    assert {"srresnet_x1.py", "dropout.py", "_gate.py", "step.py"} <= names


def test_of_libraries_the_named_file_alone_counts() -> None:
    assert stems("basicsr.archs.swinir_arch:SwinIR") == {"swinir_arch"}
    assert stems("torchvision.models.resnet:ResNet") == {"resnet"}
    assert stems("no.such:thing", "page_no_such") == set()


def test_planning_stays_light(project: Path) -> None:
    asked = "deciding_files('page_ideas.method:M', 'page_ideas.parts.mask:N')"
    program = f"from harness.training.code import deciding_files; import sys; {asked}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=project, env={"PYTHONPATH": f"{ROOT}:{project}"},
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout.strip() == "False"
    source_files(["page_ideas.method:Method"])
    began = time.perf_counter()
    for _ in range(20):
        source_files(["page_ideas.method:Method"])
    assert (time.perf_counter() - began) / 20 < 0.05
