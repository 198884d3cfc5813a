"""Folders and files as people write them, and as they lie on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.datasets.resolve import data_root
from harness.evaluation.weight_files import weights_folder
from harness.foundation.errors import HarnessError
from harness.foundation.places import expanded, files_below, folders_below


def test_home_is_found_wherever_a_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HARNESS_DATA", "HARNESS_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    assert data_root("~/data") == tmp_path / "data"
    assert weights_folder("~/weights") == tmp_path / "weights"
    monkeypatch.setenv("HARNESS_DATA", "~/other")
    monkeypatch.setenv("HARNESS_WEIGHTS", "~")
    assert data_root("~/data") == tmp_path / "other"
    assert weights_folder("x") == tmp_path
    monkeypatch.setenv("HARNESS_DATA", "~no_such_user")
    with pytest.raises(HarnessError, match="HARNESS_DATA: '~no_such_user': no such home folder; write the whole path"):
        data_root()


def test_variables_are_refused_but_not_in_names_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACE", "x")
    monkeypatch.chdir(tmp_path)
    for text in ("$PLACE/data", "${PLACE}"):
        with pytest.raises(HarnessError, match="mine: .*: variables are not replaced here"):
            expanded(text, "mine")
    assert expanded("$NOT_SET_ANYWHERE", "mine") == Path("$NOT_SET_ANYWHERE")
    Path("$PLACE").mkdir()
    assert expanded("$PLACE", "mine") == Path("$PLACE")


def test_linked_folders_are_entered_once(tmp_path: Path) -> None:
    (tmp_path / "here" / "b").mkdir(parents=True)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "x").write_text("")
    (tmp_path / "here" / "a").symlink_to("../there")
    (tmp_path / "there" / "back").symlink_to("../here")
    (tmp_path / "here" / "dead").symlink_to("nowhere")
    assert files_below(tmp_path / "here") == [tmp_path / "here" / "a" / "x"]
    assert [place.name for place, _ in folders_below(tmp_path / "here")] == ["here", "a", "b"]
