"""A place that cannot be written is told in one line that names it, before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.foundation.errors import HarnessError
from harness.foundation.writable import check_file, check_folder

REFUSED = "^{}: cannot be written .*; .*(choose another place|move it away)$"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("kept")
    Path("folder").mkdir()
    return tmp_path


@pytest.mark.parametrize("place", ["/proc/x.zip", "/proc/no/folder/x.zip", "file/y.zip", "folder", "x" * 300])
def test_a_file_that_cannot_be_written_is_one_line(here: Path, place: str) -> None:
    with pytest.raises(HarnessError, match=REFUSED.format(place)):
        check_file(place)
    assert sorted(path.name for path in here.rglob("*")) == ["file", "folder"]


@pytest.mark.parametrize("place", ["/proc/results", "/proc/no/folder", "file", "file/results"])
def test_a_folder_that_cannot_be_made_is_one_line(here: Path, place: str) -> None:
    with pytest.raises(HarnessError, match=REFUSED.format(place)):
        check_folder(place)
    assert sorted(path.name for path in here.rglob("*")) == ["file", "folder"]


def test_a_place_that_can_be_written_stays_as_it_was(here: Path) -> None:
    check_file("file")
    check_file("new/folder/x.zip")
    check_folder("folder")
    check_folder("new/folder")
    assert sorted(path.name for path in here.rglob("*")) == ["file", "folder"]
    assert Path("file").read_text() == "kept"
