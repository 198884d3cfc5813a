"""The pair pool: nothing is lost, pairs stay together, and it can be restored."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.training.pool import PairPool


def batch(number: int, size: int = 2) -> tuple[list[Tensor], Tensor]:
    """Pairs whose every pixel is their own number; view 1 has the number plus a half."""
    ids = torch.arange(size * number, size * number + size, dtype=torch.float32)
    target = ids.view(-1, 1, 1, 1).expand(-1, 3, 4, 4).contiguous()
    return [target[..., :1, :1].clone(), target[..., :1, :1] + 0.5], target


def exchange_all(pool: PairPool, numbers: range) -> list[float]:
    out = []
    for number in numbers:
        views, target = pool.exchange(number, *batch(number))
        assert torch.equal(views[0][:, 0, 0, 0], target[:, 0, 0, 0])
        assert torch.equal(views[1][:, 0, 0, 0], target[:, 0, 0, 0] + 0.5)
        out += target[:, 0, 0, 0].tolist()
    return out


def test_passes_batches_through_while_it_fills_then_mixes() -> None:
    out = exchange_all(PairPool(3, seed=0), range(40))
    assert out[:6] == [0, 1, 2, 3, 4, 5]
    assert out[6:] != sorted(out[6:])
    assert all(out[6:].count(value) == 1 for value in set(out[6:]))


def test_restored_pool_goes_on_exactly() -> None:
    whole = exchange_all(PairPool(3, seed=1), range(20))
    first = PairPool(3, seed=1)
    out = exchange_all(first, range(9))
    second = PairPool(3, seed=1)
    second.restore({name: tensor.clone() for name, tensor in first.tensors().items()}, "cpu")
    assert out + exchange_all(second, range(9, 20)) == whole
