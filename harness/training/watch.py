"""What can go wrong while a run trains, told in one line with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from harness.foundation.errors import HarnessError
from harness.training.step import Learner


def check_finite(learner: Learner, label: str) -> None:
    """Raise HarnessError if the loss of any iteration so far was NaN or infinite. Waits for the device."""
    first_bad = float(learner.first_bad)
    if first_bad != float("inf"):
        raise HarnessError(
            f"{label}: training.learning_rate: the loss is not finite at iteration {int(first_bad)}; "
            "the last good state is kept; lower the learning rate, or use precision: fp32, then run again"
        )


@contextmanager
def explain_device_errors(label: str) -> Iterator[None]:
    """Turn a device that is out of memory, or lost, into one line; the state stays, and other runs go on."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise HarnessError(
            f"{label}: out of GPU memory; lower training.batch_size or training.crop, use precision: bf16 or "
            f"placement: host, or set runs_per_gpu: 1 ({_first_line(error)})"
        ) from error
    except torch.AcceleratorError as error:
        raise HarnessError(
            f"{label}: the GPU failed ({_first_line(error)}); the last state is kept; check nvidia-smi, then run again"
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
