"""The learning rate against BasicSR's scheduler and against the released schedule's landmarks."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import harness.foundation.compat  # noqa: F401
from harness.spec import ScheduleSpec
from harness.training.schedule import learning_rate

RELEASED = ScheduleSpec()


def test_equals_basicsr_at_every_iteration() -> None:
    from basicsr.models.lr_scheduler import CosineAnnealingRestartLR

    total = 200
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=2e-4)
    scheduler = CosineAnnealingRestartLR(optimizer, [total // 2, total], restart_weights=[1, 1], eta_min=0)
    for iteration in range(1, total + 1):
        expected = optimizer.param_groups[0]["lr"]
        assert learning_rate(iteration, total, 2e-4, RELEASED) == pytest.approx(expected, abs=1e-15)
        optimizer.step()
        scheduler.step()


def test_landmarks_of_the_released_schedule() -> None:
    def rate(iteration: int) -> float:
        return learning_rate(iteration, 500_000, 2e-4, RELEASED)

    assert rate(1) == 2e-4
    assert rate(250_001) == 0
    assert rate(250_002) == pytest.approx(2e-4, rel=1e-9)
    assert rate(500_000) == pytest.approx(1e-4, rel=1e-4)


@given(st.integers(1, 1000), st.data())
def test_stays_between_floor_and_base(total: int, data: st.DataObject) -> None:
    iteration = data.draw(st.integers(1, total))
    schedule = ScheduleSpec(periods=(0.3, 0.7), restart_weights=(1.0, 0.5), floor=1e-6)
    assert 1e-6 <= learning_rate(iteration, total, 1e-3, schedule) <= 1e-3
