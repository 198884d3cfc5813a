"""Two processes on one run: the same batch, the same mathematics, the single process's weights to float tolerance."""

from __future__ import annotations

import csv
import multiprocessing
import os
import socket
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.networks.weights import load_weights
from harness.spec import RunSpec
from harness.training.distributed import World
from harness.training.train import train
from tests.training.conftest import job, tiny_spec


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def process(rank: int, port: int, spec: RunSpec, packs: Path, folder: Path) -> None:
    places = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo"}
    os.environ.update(places, RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2")
    train(spec, job(packs, folder))


def train_in_two(spec: RunSpec, packs: Path, folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    port = free_port()
    children = [context.Process(target=process, args=(rank, port, spec, packs, folder)) for rank in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join(120)
        assert child.exitcode == 0


@pytest.mark.parametrize(
    ("regularizer", "options"),
    [("adaptive_dropout", {"gate": "learned", "order": "none"}), ("simple_align", {"weight": 100.0})],
)
def test_two_processes_equal_one(packs: Path, tmp_path: Path, regularizer: str, options: dict[str, Any]) -> None:
    one, two = (tiny_spec(regularizer, options=options, processes=n, learning_rate=2e-4) for n in (1, 2))
    train(one, job(packs, tmp_path / "one"))
    train_in_two(two, packs, tmp_path / "two")
    single, double = (load_weights(tmp_path / name / "run" / "weights.safetensors") for name in ("one", "two"))
    start = load_weights_at_start(one)
    for name in single:
        moved = float((single[name] - start[name]).abs().max())
        assert float((single[name] - double[name]).abs().max()) < 0.02 * moved + 1e-6, name
    losses = [
        [
            float(row["loss"])
            for row in csv.DictReader((tmp_path / n / "run" / "history.csv").read_text().splitlines())
            if row["loss"]
        ]
        for n in ("one", "two")
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def load_weights_at_start(spec: RunSpec) -> dict[str, torch.Tensor]:
    from harness.networks.build import build_network

    return dict(build_network(spec.network, spec.seed).state_dict())


def test_rows_are_shared_out_completely_and_once() -> None:
    rows = [World(rank, 4).network_rows(8, 2) for rank in range(4)]
    assert sorted(row for part in rows for row in part) == list(range(16))
    assert rows[1] == [2, 3, 10, 11]
    assert World().network_rows(4, 1) == [0, 1, 2, 3]
