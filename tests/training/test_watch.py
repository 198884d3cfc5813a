"""Device errors become one line that names the run and says what to do."""

from __future__ import annotations

import pytest
import torch

from harness.foundation.errors import HarnessError
from harness.training.watch import explain_device_errors


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2 GiB"),
            "lower training.batch_size or training.crop",
        ),
        (
            torch.AcceleratorError("CUDA error: unspecified launch failure\nmore"),
            "check nvidia-smi and the system's log, then run again",
        ),
    ],
)
def test_device_errors_are_one_line(error: RuntimeError, advice: str) -> None:
    with pytest.raises(HarnessError) as caught, explain_device_errors("srresnet.baseline.s0"):
        raise error
    message = str(caught.value)
    assert message.startswith("srresnet.baseline.s0: ")
    assert advice in message
    assert "\n" not in message


def test_other_errors_pass_unchanged() -> None:
    with pytest.raises(ZeroDivisionError), explain_device_errors("run"):
        raise ZeroDivisionError
