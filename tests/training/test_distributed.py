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
import torch.distributed as dist

from harness.foundation.errors import HarnessError
from harness.networks.weights import load_weights
from harness.spec import RunSpec
from harness.training.distributed import World, joined
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


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What torch is asked for where processes join; there is no GPU to join on."""
    asked: dict[str, Any] = {}
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: asked.update(device=device))
    monkeypatch.setattr(dist, "init_process_group", lambda backend, **options: asked.update(options, backend=backend))
    monkeypatch.setattr(dist, "destroy_process_group", lambda: None)
    monkeypatch.setattr(dist, "get_rank", lambda: 1)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    return asked


def test_nccl_is_told_its_device_and_to_be_patient(asked: dict[str, Any]) -> None:
    with joined(2, "cuda") as (world, device):
        assert (world, device) == (World(1, 2), "cuda:1")
    assert asked["backend"] == "nccl"
    assert asked["device_id"] == asked["device"] == torch.device("cuda:1")
    assert asked["timeout"].total_seconds() > 24 * 3600  # process 0 may wait for another job's lock, at a barrier


def test_a_gpu_that_does_not_start_is_one_line(
    packs: Path, tmp_path: Path, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(device: torch.device) -> None:
        raise torch.AcceleratorError("CUDA error: invalid device ordinal\nmore")

    monkeypatch.setattr(torch.cuda, "set_device", refuse)
    with pytest.raises(HarnessError, match=r"^tiny: the GPU failed \(CUDA error: invalid device ordinal\); the last"):
        train(tiny_spec(device="cuda", processes=2), job(packs, tmp_path))


def test_rows_are_shared_out_completely_and_once() -> None:
    rows = [World(rank, 4).network_rows(8, 2) for rank in range(4)]
    assert sorted(row for part in rows for row in part) == list(range(16))
    assert rows[1] == [2, 3, 10, 11]
    assert World().network_rows(4, 1) == [0, 1, 2, 3]
