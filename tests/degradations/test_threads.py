"""Images on threads: all are visited, errors come back, torch's settings stay."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from harness.degradations.threads import map_images


@pytest.fixture
def _two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_two_threads")
def test_every_image_once_on_single_threaded_threads() -> None:
    visited: list[tuple[int, int]] = []
    map_images(lambda index: visited.append((index, torch.get_num_threads())), 9)
    assert sorted(visited) == [(index, 1) for index in range(9)]
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("_two_threads")
def test_new_threads_keep_the_callers_setting() -> None:
    map_images(lambda index: None, 2)
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert seen == [2]


@pytest.mark.parametrize("threads", [1, 2])
def test_errors_come_back(threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)

    def fail(index: int) -> None:
        if index == 3:
            raise KeyError(index)

    try:
        with pytest.raises(KeyError) as caught:
            map_images(fail, 5)
    finally:
        torch.set_num_threads(before)
    assert caught.value.args == (3,)


def test_no_images() -> None:
    visited: list[int] = []
    map_images(visited.append, 0)
    assert visited == []
