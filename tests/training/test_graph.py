"""A captured step computes what the plain one does: with a tape on the CPU, with a CUDA graph on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch

from harness.degradations.filters import fft_length
from harness.degradations.parameters import draw_parameters
from harness.degradations.spec import SecondOrderSpec
from harness.foundation.rng import Draws
from harness.networks.tape import Tape
from harness.regularizers import Batch
from harness.spec import RunSpec
from harness.training.graph import WARM_UP, Captured, CudaRecorder, Recorder, warm_up
from harness.training.step import Learner
from harness.training.train import settle
from tests.training.conftest import CATALOGUES, tiny_spec

CASES: list[tuple[str, dict[str, Any]]] = [
    ("baseline", {}),
    ("dropout", {}),
    ("dropout", {"kind": "element", "positions": ["first", "last"]}),
    ("simple_align", {}),
    ("adaptive_dropout", {"interval": 0.1}),  # a site is annealed every third iteration
    ("adaptive_dropout", {"gate": "learned", "order": "none"}),
]


def batch(iteration: int, device: str = "cpu") -> Batch:
    generator = torch.Generator().manual_seed(iteration)
    lr, target = (torch.rand(4, 3, side, side, generator=generator) for side in (8, 32))
    return Batch(lr.to(device), target.to(device))


def train(spec: RunSpec, device: str, recorder: Recorder | None, iterations: int = 10) -> Learner:
    learner = Learner(spec, device, recorder=recorder)
    for iteration in range(1, iterations + 1):
        learner.step(iteration, batch(iteration, device))
    return learner


@pytest.mark.parametrize(("regularizer", "options"), CASES)
def test_a_taped_step_changes_no_bit(regularizer: str, options: dict[str, Any]) -> None:
    spec = tiny_spec(regularizer, options=options, channels_last=regularizer == "adaptive_dropout")
    plain, taped = (train(spec, "cpu", recorder) for recorder in (None, Tape()))
    assert taped.captured is not None
    assert taped.captured.state == "captured"
    expected, found = plain.tensors(), taped.tensors()
    assert expected.keys() == found.keys()
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []


def test_a_restored_step_is_captured_anew() -> None:
    spec = tiny_spec("simple_align")
    whole, first = (train(spec, "cpu", Tape(), iterations) for iterations in (12, 6))
    second = train(spec, "cpu", Tape(), 5)  # whatever it holds is replaced
    second.restore({name: tensor.clone() for name, tensor in first.tensors().items()})
    for iteration in range(7, 13):
        second.step(iteration, batch(iteration))
    assert second.captured is not None
    assert second.captured.state == "captured"
    expected, found = whole.tensors(), second.tensors()
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []


def test_a_bad_loss_is_noted_at_its_iteration() -> None:
    spec = tiny_spec()
    learner = train(spec, "cpu", Tape(), 6)
    with torch.no_grad():
        learner.parameters[0].fill_(torch.nan)
    for iteration in (7, 8):
        learner.step(iteration, batch(iteration))
    assert learner.first_bad.tolist()[0] == 7


class Refusing(Tape):
    """Cannot capture anything."""

    def capture(self, function: Callable[[], None]) -> None:
        raise RuntimeError("operation not permitted when stream is capturing\nmore")


def test_what_cannot_be_captured_goes_on_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    calls: list[int] = []
    captured = Captured(lambda: calls.append(1), Refusing())
    for _ in range(WARM_UP + 4):
        captured()
    assert len(calls) == WARM_UP + 4
    assert captured.state == "refused"
    assert capsys.readouterr().err == (
        "warning: training.cuda_graph: this step cannot be captured (operation not permitted when stream is "
        "capturing); going on without a graph\n"
    )


class BrokenGraph:
    """A CUDA graph whose capture fails: ending it fails as well, which is all that torch then tells."""

    def capture_begin(self, *pool: Any, **options: Any) -> None:
        """Begin."""

    def capture_end(self) -> None:
        raise torch.AcceleratorError("CUDA error: operation failed due to a previous error during capture")


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The current stream, last, where torch's own ``torch.cuda.graph`` makes its own the current one."""
    current = ["main"]

    @contextmanager
    def stream(chosen: str) -> Iterator[None]:
        before = current[-1]
        current.append(chosen)
        yield
        current.append(before)

    answers: dict[str, Any] = {
        "CUDAGraph": BrokenGraph,
        "Stream": lambda *_: "of the capture",
        "stream": stream,
        "set_stream": current.append,
        "current_stream": lambda *_: current[-1],
        "device": lambda *_: nullcontext(),
        "synchronize": lambda *_: None,
        "empty_cache": lambda *_: None,
    }
    for name, answer in answers.items():
        monkeypatch.setattr(torch.cuda, name, answer)
    monkeypatch.setattr(torch._C, "_host_emptyCache", lambda: None, raising=False)
    monkeypatch.setattr(torch.cuda.graph, "default_capture_stream", None)
    return current


def failing_at_capture(error: RuntimeError, streams: list[str]) -> Captured:
    def function() -> None:
        if streams[-1] != "main":
            raise error

    return Captured(function, CudaRecorder("cuda:0"))


def test_a_refused_capture_leaves_the_stream_and_tells_its_cause(
    streams: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    captured = failing_at_capture(RuntimeError("operation not permitted when stream is capturing"), streams)
    for _ in range(WARM_UP + 2):
        captured()
        assert streams[-1] == "main"
    assert captured.state == "refused"
    assert "(operation not permitted when stream is capturing)" in capsys.readouterr().err


def test_out_of_memory_is_no_refusal(streams: list[str]) -> None:
    captured = failing_at_capture(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), streams)
    for _ in range(WARM_UP):
        captured()
    with pytest.raises(torch.OutOfMemoryError):
        captured()
    assert streams[-1] == "main"


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(("regularizer", "options"), CASES)
def test_a_cuda_graph_computes_what_the_plain_step_does(
    regularizer: str, options: dict[str, Any], precision: str
) -> None:
    specs = [
        tiny_spec(regularizer, options=options, device="cuda", precision=precision, cuda_graph=graph)
        for graph in (False, True)
    ]
    settle(1)
    plain, graphed = (train(spec, "cuda", None) for spec in specs)
    assert graphed.captured is not None
    assert graphed.captured.state == "captured"
    expected, found = plain.tensors(), graphed.tensors()
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []


def test_speed_is_measured_once_the_plans_of_transforms_are_made() -> None:
    """Each size of the second blur needs a plan of its own: few iterations that are timed meet a new one."""
    spec = CATALOGUES.training_degradations["second_order"]
    assert isinstance(spec, SecondOrderSpec)
    met: list[int] = []
    for iteration in range(1, 1001):
        factor = draw_parameters(spec, Draws(0, iteration, 0, range(1))).first.factor
        met.append(fft_length(int(400 * factor) + 20))
    late = {warm: sum(length not in met[:warm] for length in met[200:]) for warm in (WARM_UP + 2, warm_up("cuda"))}
    assert late[warm_up("cuda")] < 80 < 400 < late[WARM_UP + 2]  # of 800
    assert warm_up("cpu") == WARM_UP + 1
