"""The number of an attempt grows once, when a file at fault changed, and stays where nothing did."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.evaluation.retries import attempts, file_state, note_unreadable
from harness.foundation import layout
from harness.foundation.errors import HarnessError

HASH = "0123456789abcdef"
RUN = "net.baseline.s0.00000000"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_what_never_failed_leaves_nothing_behind() -> None:
    note_unreadable(RUN, HASH, {}, 0)
    note_unreadable(RUN, HASH, {}, None)
    assert attempts(HASH) == {}
    assert not layout.FAILURES.exists()


def test_a_change_counts_once() -> None:
    picture = Path("a.png")
    picture.write_bytes(b"cut")
    note_unreadable(RUN, HASH, {"a.png": file_state(picture), "gone.png": None}, 0)
    assert attempts(HASH) == {RUN: 0}
    assert attempts("f" * 16) == {}, "another evaluation"
    picture.write_bytes(b"whole")
    assert attempts(HASH) == {RUN: 1}
    note_unreadable(RUN, HASH, {}, 1)
    assert attempts(HASH) == {RUN: 1}, "the number that Snakemake knows stays"
    picture.unlink()
    assert attempts(HASH) == {RUN: 1}, "it is not at fault any more"
    Path("gone.png").write_bytes(b"there")
    note_unreadable(RUN, HASH, {"gone.png": None}, 1)
    assert attempts(HASH) == {RUN: 2}


def test_a_call_by_hand_keeps_the_number_and_forgets_what_is_mended() -> None:
    note_unreadable(RUN, HASH, {"a.png": None}, None)
    Path("a.png").write_bytes(b"whole")
    note_unreadable(RUN, HASH, {}, None)
    assert attempts(HASH) == {}
    note_unreadable(RUN, HASH, {}, 3)
    note_unreadable(RUN, HASH, {"b.png": None}, None)
    assert attempts(HASH) == {RUN: 3}


def test_a_damaged_list_is_one_line() -> None:
    note_unreadable(RUN, HASH, {"a.png": None}, 0)
    layout.failures(RUN, HASH).write_text('{"attempt": 0}')
    with pytest.raises(HarnessError, match=r"01234567\.json: not a readable list of failures; delete it and evaluate"):
        attempts(HASH)
