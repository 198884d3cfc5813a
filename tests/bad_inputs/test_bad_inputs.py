"""Every bad input gets its one line and harms nothing else; the document lists exactly these."""

from __future__ import annotations

import re
import shutil
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from harness.foundation.errors import HarnessError
from tests.bad_inputs import CASES
from tests.bad_inputs.case import BASE, EXPERIMENT, Case
from tests.bad_inputs.conftest import call
from tests.conftest import ROOT
from tools.bad_inputs import DOCUMENT, document


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of every file, by name."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def status_of(case: Case, folder: Path) -> int:
    """Meet the input and return the status."""
    if case.call is None:
        return call(*case.arguments)
    try:
        case.call(folder)
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_one_line_and_nothing_lost(
    case: Case,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name in ("HARNESS_DATA", "HARNESS_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HARNESS_WITHOUT", "")  # which --without sets for this process
    folder = tmp_path / "here"
    if case.finished:
        shutil.copytree(request.getfixturevalue("finished"), folder)
    else:
        folder.mkdir()
        (folder / EXPERIMENT).write_text(BASE)
    monkeypatch.chdir(folder)
    case.make(folder)
    before = contents(folder)
    capsys.readouterr()

    status = status_of(case, folder)

    out, err = capsys.readouterr()
    assert status == case.status, err
    assert "Traceback" not in out + err
    if case.legitimate:
        lines = (out + err + caplog.text).splitlines()
        assert any(re.search(case.pattern + "$", line) for line in lines), lines
    else:
        _, mark, message = err.rstrip("\n").partition("error: ")
        assert mark, err
        assert re.fullmatch(case.pattern, message, re.DOTALL), message
    after = contents(folder)
    lost = [name for name, content in before.items() if after.get(name) != content]
    assert [name for name in lost if not any(fnmatch(name, pattern) for pattern in case.changed)] == []


def test_there_are_many_cases_of_every_kind() -> None:
    assert len({case.id for case in CASES}) == len(CASES) >= 40
    assert sum(case.legitimate for case in CASES) >= 10


def test_the_document_lists_these_cases() -> None:
    assert (ROOT / DOCUMENT).read_text() == document(), "run python -m tools.bad_inputs"
