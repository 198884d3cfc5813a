"""What can go wrong while a run trains, told in one line with what to do."""

from __future__ import annotations

from contextlib import AbstractContextManager

from harness.foundation import device_errors
from harness.foundation.errors import HarnessError
from harness.training.step import Learner


class Diverged(HarnessError):
    """The loss of an iteration is not finite.

    Attributes:
        iteration: the first such one, from 1.
    """

    def __init__(self, message: str, iteration: int) -> None:
        super().__init__(message)
        self.iteration = iteration


def check_finite(learner: Learner, label: str) -> None:
    """Raise :class:`Diverged` if the loss of any iteration so far was NaN or infinite. Waits for the device."""
    loss, l1, penalty = learner.first_bad.tolist()
    if loss == float("inf"):
        return
    if penalty == loss < l1:
        regularizer = learner.spec.regularizer
        weights = [f"{name} (now {value!r})" for name, value in regularizer.options.items() if "weight" in name]
        raise Diverged(
            f"{label}: regularizer.{regularizer.regularizer}: its penalty is not finite at iteration {int(loss)}, "
            "where L1 still is: the learning rate is not the cause; the last good state is kept; lower the penalty's "
            f"{' or '.join(weights) or 'weight'}, use precision: fp32, or look for a division by zero, a root or a "
            "logarithm in it, then run again",
            int(loss),
        )
    also = f", or the penalty of {learner.spec.regularizer.regularizer}" if learner.has_penalty else ""
    raise Diverged(
        f"{label}: training.learning_rate: the loss is not finite at iteration {int(loss)}; "
        f"the last good state is kept; lower the learning rate{also}, or use precision: fp32, then run again",
        int(loss),
    )


def explain_device_errors(label: str) -> AbstractContextManager[None]:
    """Turn a device that is out of memory, or lost, into one line; the state stays, and other runs go on."""
    memory = (
        "lower training.batch_size or training.crop, use precision: bf16 or placement: host, or set runs_per_gpu: 1"
    )
    return device_errors.explain_device_errors(label, memory, "the last state is kept")
