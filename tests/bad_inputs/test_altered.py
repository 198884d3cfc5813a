"""The table of alterations is whole, and the command that an answer names makes the file again."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.bad_inputs.altered import CASES, KINDS, WAYS, Kind, flipped, one
from tests.bad_inputs.case import EXPERIMENT
from tests.bad_inputs.conftest import call


def test_every_kind_is_altered_in_every_way() -> None:
    assert len(KINDS) >= 9
    assert len(WAYS) >= 4
    ids = {case.id for case in CASES if not case.legitimate}
    assert {f"altered-{kind.id}-{way}" for kind in KINDS for way in WAYS} <= ids


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.id)
def test_the_command_of_the_answer_makes_the_file_again(
    kind: Kind,
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "here"
    shutil.copytree(finished, folder)
    monkeypatch.chdir(folder)
    before = one(folder, kind.path).read_bytes()
    flipped(kind.path)(folder)
    assert call(*kind.command.split()) == 2
    (command,) = re.findall("`python -m harness (.*)`", capsys.readouterr().err)
    assert call(*command.replace("EXPERIMENT", EXPERIMENT).split()) == 0
    assert call(*kind.command.split()) == 0
    after = one(folder, kind.path).read_bytes()
    assert after == before or (kind.id == "record" and b'"seconds"' in after), "but for the seconds of a record"
