"""Downloads from a server that truncates, stalls, fails, lies about ranges and sends wrong bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.datasets.download import Expected, Patience, download
from harness.foundation.errors import HarnessError
from harness.foundation.rng import numpy_stream
from tests.datasets.server import Fault, Server, serve

CONTENT = numpy_stream("download").bytes(600_000)


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as running:
        running.files["/x.zip"] = CONTENT
        yield running


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def patience(pauses: list[float]) -> Patience:
    return Patience(attempts=4, pause=1.0, stall=0.3, sleep=pauses.append)


def test_a_plain_download(server: Server, tmp_path: Path, patience: Patience, pauses: list[float]) -> None:
    expected = Expected(hashlib.sha256(CONTENT).hexdigest(), hashlib.md5(CONTENT).hexdigest(), len(CONTENT))
    download(server.url + "/x.zip", tmp_path / "deep" / "x.zip", expected, patience)
    assert (tmp_path / "deep" / "x.zip").read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["x.zip"]
    assert pauses == []


@pytest.mark.parametrize("fault", [("truncate", 300_000), ("stall", 300_000)], ids=str)
def test_broken_connections_are_continued(server: Server, tmp_path: Path, patience: Patience, fault: Fault) -> None:
    server.faults["/x.zip"] = [fault]
    download(server.url + "/x.zip", tmp_path / "x", patience=patience)
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert server.ranges("/x.zip") == [None, "bytes=300000-"]


@pytest.mark.parametrize("fault", [("status", 500), ("status", 503), ("status", 429), ("reset", None)], ids=str)
def test_passing_failures_are_retried_with_growing_pauses(
    server: Server, tmp_path: Path, patience: Patience, pauses: list[float], fault: Fault
) -> None:
    server.faults["/x.zip"] = [fault] * 3
    download(server.url + "/x.zip", tmp_path / "x", patience=patience)
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert pauses == [1.0, 2.0, 4.0]


def test_the_server_may_ask_to_wait(server: Server, tmp_path: Path, patience: Patience, pauses: list[float]) -> None:
    server.faults["/x.zip"] = [("status", 503)]
    server.headers = {"Retry-After": "17"}
    download(server.url + "/x.zip", tmp_path / "x", patience=patience)
    assert pauses == [17.0]


@pytest.mark.parametrize("asked", ["99999999", "Fri, 31 Dec 2999 23:59:59 GMT"])
def test_a_server_that_asks_for_years_is_left_alone(
    server: Server, tmp_path: Path, patience: Patience, pauses: list[float], asked: str
) -> None:
    server.faults["/x.zip"] = [("status", 503)]
    server.headers = {"Retry-After": asked}
    with pytest.raises(HarnessError, match=r"503 Service Unavailable and asks to wait [\d,]+ s; run again later$"):
        download(server.url + "/x.zip", tmp_path / "x", patience=patience)
    assert pauses == []


@pytest.mark.parametrize(("asked", "pause"), [("soon", 1.0), ("Fri, 31 Dec 1999 23:59:59 GMT", 1.0), ("-5", 1.0)])
def test_nonsense_about_waiting_is_ignored(
    server: Server, tmp_path: Path, patience: Patience, pauses: list[float], asked: str, pause: float
) -> None:
    server.faults["/x.zip"] = [("status", 503)]
    server.headers = {"Retry-After": asked}
    download(server.url + "/x.zip", tmp_path / "x", patience=patience)
    assert pauses == [pause]


def test_a_digit_that_is_no_number_is_nonsense(
    server: Server, tmp_path: Path, patience: Patience, pauses: list[float]
) -> None:
    server.faults["/x.zip"] = [("status", 503)]
    server.headers = {"Retry-After": "\N{SUPERSCRIPT TWO}"}
    download(server.url + "/x.zip", tmp_path / "x", patience=patience)
    assert pauses == [1.0]


def test_endless_redirections_are_one_line(server: Server, tmp_path: Path, patience: Patience) -> None:
    server.always["/x.zip"] = ("status", 302)
    server.headers = {"Location": "/x.zip"}
    with pytest.raises(HarnessError, match=r"/x\.zip: the server says 302 .*infinite loop") as caught:
        download(server.url + "/x.zip", tmp_path / "x", patience=patience)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("expected", "wanted"), [(Expected(most=500_000), "500000 at most"), (Expected(size=500_000), "500000")]
)
def test_a_promised_length_is_not_believed(
    server: Server, tmp_path: Path, patience: Patience, expected: Expected, wanted: str
) -> None:
    with pytest.raises(HarnessError, match=f"600000 bytes instead of {wanted}; the file there is not the one"):
        download(server.url + "/x.zip", tmp_path / "x", expected, patience)
    assert list(tmp_path.iterdir()) == []


def test_a_drip_counts_as_stalled(server: Server, tmp_path: Path, patience: Patience) -> None:
    server.always["/x.zip"] = ("drip", 0.05)
    with pytest.raises(HarnessError, match=r"the server sends \d+ bytes a second, 4 times in a row; run again later"):
        download(server.url + "/x.zip", tmp_path / "x", patience=patience)
    assert (tmp_path / "x.part").stat().st_size > 0, "what arrived is kept"


@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_a_body_without_end_is_cut_off(
    server: Server, tmp_path: Path, patience: Patience, size: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.datasets.download._MOST", 2_000_000)
    server.always["/x.zip"] = ("endless", None)
    with pytest.raises(HarnessError, match=r"\d+ bytes instead of (2000000 at most|600000); the file there is not"):
        download(server.url + "/x.zip", tmp_path / "x", Expected(size=size), patience)
    assert list(tmp_path.iterdir()) == []


def test_failures_that_stay_end_with_one_line(server: Server, tmp_path: Path, patience: Patience) -> None:
    server.always["/x.zip"] = ("status", 502)
    with pytest.raises(
        HarnessError, match=r"/x\.zip: the server says 502 Bad Gateway, 4 times in a row; run again later"
    ):
        download(server.url + "/x.zip", tmp_path / "x", patience=patience)
    assert not (tmp_path / "x").exists()


def test_every_new_byte_renews_patience(server: Server, tmp_path: Path, patience: Patience) -> None:
    server.faults["/x.zip"] = [("truncate", 60_000)] * 9
    download(server.url + "/x.zip", tmp_path / "x", patience=patience)
    assert (tmp_path / "x").read_bytes() == CONTENT


def test_missing_files_are_not_retried(server: Server, tmp_path: Path, patience: Patience, pauses: list[float]) -> None:
    with pytest.raises(HarnessError, match=r"/gone: the server says 404 Not Found$"):
        download(server.url + "/gone", tmp_path / "x", patience=patience)
    assert pauses == []


def test_no_server_at_all(server: Server, tmp_path: Path, patience: Patience) -> None:
    with pytest.raises(HarnessError, match="no connection"):
        download("http://127.0.0.1:9/x", tmp_path / "x", patience=patience)


@pytest.mark.parametrize("fault", [("ignore range", None), ("no tag", None)], ids=str)
def test_servers_that_cannot_continue_start_anew(
    server: Server, tmp_path: Path, patience: Patience, fault: Fault
) -> None:
    server.faults["/x.zip"] = [("truncate", 300_000), fault]
    download(server.url + "/x.zip", tmp_path / "x", patience=patience)
    assert (tmp_path / "x").read_bytes() == CONTENT


def test_servers_without_tags_are_asked_for_the_whole(server: Server, tmp_path: Path, patience: Patience) -> None:
    server.always["/x.zip"] = ("no tag", None)
    (tmp_path / "x.part").write_bytes(b"other content")
    download(server.url + "/x.zip", tmp_path / "x", patience=patience)
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert server.ranges("/x.zip") == [None]


def test_a_wrong_range_is_not_pasted_in(server: Server, tmp_path: Path, patience: Patience) -> None:
    server.faults["/x.zip"] = [("truncate", 300_000), ("wrong range", None)]
    download(server.url + "/x.zip", tmp_path / "x", patience=patience)
    assert (tmp_path / "x").read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_is_fetched_whole(server: Server, tmp_path: Path, patience: Patience) -> None:
    server.faults["/x.zip"] = [("truncate", 300_000)] + [("status", 500)] * 3 + [("status", 500)] * 3
    with pytest.raises(HarnessError, match="run again later to continue"):
        download(server.url + "/x.zip", tmp_path / "x", patience=patience)
    assert (tmp_path / "x.part").stat().st_size == 300_000
    server.files["/x.zip"] = CONTENT[::-1]
    server.faults["/x.zip"] = []
    download(server.url + "/x.zip", tmp_path / "x", patience=patience)
    assert (tmp_path / "x").read_bytes() == CONTENT[::-1]


def test_an_interrupted_call_is_continued_by_the_next(server: Server, tmp_path: Path, patience: Patience) -> None:
    server.faults["/x.zip"] = [("truncate", 300_000)] + [("status", 500)] * 4
    with pytest.raises(HarnessError, match="4 times in a row"):
        download(server.url + "/x.zip", tmp_path / "x", patience=patience)
    server.faults["/x.zip"] = []
    download(server.url + "/x.zip", tmp_path / "x", patience=patience)
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert server.ranges("/x.zip")[-1] == "bytes=300000-"


def test_a_part_that_is_whole_already_is_used(server: Server, tmp_path: Path, patience: Patience) -> None:
    server.faults["/x.zip"] = [("truncate", 300_000)] + [("status", 500)] * 4
    with pytest.raises(HarnessError, match="4 times in a row"):
        download(server.url + "/x.zip", tmp_path / "x", patience=patience)
    (tmp_path / "x.part").write_bytes(CONTENT)
    server.faults["/x.zip"] = []
    download(server.url + "/x.zip", tmp_path / "x", patience=patience)
    assert (tmp_path / "x").read_bytes() == CONTENT


def test_a_part_that_is_too_long_is_thrown_away(server: Server, tmp_path: Path, patience: Patience) -> None:
    server.faults["/x.zip"] = [("truncate", 300_000)] + [("status", 500)] * 4
    with pytest.raises(HarnessError, match="4 times in a row"):
        download(server.url + "/x.zip", tmp_path / "x", patience=patience)
    (tmp_path / "x.part").write_bytes(CONTENT + b"more")
    server.faults["/x.zip"] = []
    download(server.url + "/x.zip", tmp_path / "x", patience=patience)
    assert (tmp_path / "x").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("expected", "problem"),
    [
        (Expected(sha256="0" * 64), r"sha256 [0-9a-f]{12}\.\.\. instead of 000000000000\.\.\."),
        (Expected(md5="0" * 32), r"md5 [0-9a-f]{12}\.\.\. instead of 000000000000\.\.\."),
        (Expected(size=7), r"\d+ bytes instead of 7"),
        (Expected(size=10**9), "600000 bytes instead of 1000000000"),
    ],
)
def test_wrong_bytes_are_refused_and_removed(
    server: Server, tmp_path: Path, patience: Patience, expected: Expected, problem: str
) -> None:
    with pytest.raises(HarnessError, match=problem + "; the file there is not the one that is meant"):
        download(server.url + "/x.zip", tmp_path / "x", expected, patience)
    assert list(tmp_path.iterdir()) == []


def test_answers_without_length_are_taken(server: Server, tmp_path: Path, patience: Patience) -> None:
    server.always["/x.zip"] = ("no length", None)
    download(server.url + "/x.zip", tmp_path / "x", Expected(size=len(CONTENT)), patience)
    assert (tmp_path / "x").read_bytes() == CONTENT


def test_a_full_disk_is_one_line(
    server: Server, tmp_path: Path, patience: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("harness.datasets.download._receive", full)
    with pytest.raises(HarnessError, match=r"x\.part: the disk is full"):
        download(server.url + "/x.zip", tmp_path / "x", patience=patience)
