"""What a user's own code imports: one page per kind of thing, so that no move inside the harness breaks anybody."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import harness.degradations
import harness.evaluation
import harness.networks
import harness.regularizers
from tests.conftest import ROOT

FACES = {"harness.regularizers", "harness.networks", "harness.degradations", "harness.evaluation"}
LIBRARY = {*FACES, "harness.regularizers.library", "harness.regularizers.conformance", "harness.reporting"}
OURS = re.compile(r"^ *(?:from (harness[\w.]*) import|import (harness[\w.]*))", re.MULTILINE)
SHOWN = [
    ROOT / "docs" / "new-regularizer.md",
    ROOT / "docs" / "regularizer-reference.md",
    ROOT / "harness" / "regularizers" / "regularizer.py.txt",
    *sorted((ROOT / "docs" / "examples").rglob("*.py")),
]


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_users_copy_imports_the_faces_alone(path) -> None:
    imported = {first or second for first, second in OURS.findall(path.read_text())}
    assert imported <= FACES


def test_a_loop_of_ones_own_imports_the_faces_alone() -> None:
    found = OURS.findall((ROOT / "docs" / "library.md").read_text())
    assert {first or second for first, second in found} == LIBRARY - FACES | {"harness.regularizers"}


def test_the_shown_files_import_something() -> None:
    assert any(OURS.search(path.read_text()) for path in SHOWN)


@pytest.mark.parametrize("name", sorted(FACES))
def test_every_name_of_a_face_is_there(name: str) -> None:
    module = sys.modules[name]
    assert [one for one in module.__all__ if not hasattr(module, one)] == []
    assert "HarnessError" in module.__all__


def test_a_name_that_a_face_lacks_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        harness.regularizers.Nonsense  # noqa: B018


def test_names_that_need_torch_are_those_of_the_networks() -> None:
    from harness.networks.taps import Taps, per_channel
    from harness.networks.teacher import Teacher

    face = harness.regularizers
    assert (face.Taps, face.per_channel, face.Teacher) == (Taps, per_channel, Teacher)


def test_a_face_is_imported_without_torch() -> None:
    code = f"import sys, {', '.join(sorted(FACES))}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
