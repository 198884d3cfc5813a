"""Weight files: of runs, from outside, and of metrics."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bad_inputs.case import BASE, EXPERIMENT, Case, aged, both, cut, replaced, written

EVALUATE = f"evaluate {EXPERIMENT} --run srresnet_tiny.baseline.s0"
RUN = "results/runs/srresnet_tiny.baseline.s0.*/weights.safetensors"
SHOWN = "results/runs/srresnet_tiny.baseline.s0.../weights.safetensors"


class Evil:
    """Would write a file when unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.write_text, (Path("trace"), "pickled code ran"))


def saved(content: Any) -> bytes:
    """The bytes of a PyTorch checkpoint."""
    import torch

    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


def checkpoint(id: str, given: str, content: Callable[[], bytes], answer: str) -> Case:
    """A checkpoint from outside."""

    def make(folder: Path) -> None:
        (folder / "theirs.pth").write_bytes(content())

    def call(folder: Path) -> None:
        from harness.networks.weights import load_weights

        try:
            load_weights("theirs.pth")
        finally:
            assert not (folder / "trace").exists(), "pickled code ran"

    return Case(f"pth-{id}", given, "load_weights", f"theirs.pth: {answer}", make, call=call)


def _tensor() -> Any:
    import torch

    return torch.zeros(3)


def _other_network(folder: Path) -> None:
    from harness.networks.weights import save_weights

    (path,) = folder.glob(RUN)
    save_weights(path, {"conv.weight": _tensor()}, {})


def _not_finite(folder: Path) -> None:
    from harness.networks.weights import load_weights, read_metadata, save_weights

    (path,) = folder.glob(RUN)
    save_weights(
        path, {name: tensor * float("nan") for name, tensor in load_weights(path).items()}, read_metadata(path)
    )


def _removed(folder: Path) -> None:
    (path,) = folder.glob(RUN)
    path.unlink()


REFUSED = "fetch it again, or convert it to safetensors where you trust it"
CORRUPT = "truncated or corrupt (...); delete it and make or fetch it again"
CASES = [
    Case(
        "weights-none",
        "a run that was not trained",
        EVALUATE,
        f"{SHOWN}: no such weight file; train it or put it there",
        _removed,
        finished=True,
    ),
    Case(
        "weights-truncated", "weights cut in half", EVALUATE, f"{SHOWN}: {CORRUPT}", aged(cut(RUN, 0.5)), finished=True
    ),
    Case("weights-empty", "weights of zero bytes", EVALUATE, f"{SHOWN}: {CORRUPT}", aged(cut(RUN, 0)), finished=True),
    Case(
        "weights-garbage",
        "another file under the weights' name",
        EVALUATE,
        f"{SHOWN}: {CORRUPT}",
        aged(replaced(RUN, bytes(range(256)) * 40)),
        finished=True,
    ),
    Case(
        "weights-other",
        "weights of another network",
        EVALUATE,
        f"{SHOWN}: not weights of this MSRResNet: lacks ...; has unknown conv.weight",
        aged(_other_network),
        finished=True,
    ),
    Case(
        "weights-nan",
        "weights that are not numbers",
        EVALUATE,
        "failed: embedded_test clean astronaut: the network's result is not finite (NaN or infinity)",
        aged(_not_finite),
        status=0,
        finished=True,
        changed=("results/metrics/*/*",),
    ),
    checkpoint(
        "code",
        "a pickle that runs code",
        lambda: saved({"params": Evil()}),
        f"refused: this pickle wants to run code (...); {REFUSED}",
    ),
    checkpoint(
        "plain-code",
        "the same without PyTorch's wrapping",
        lambda: pickle.dumps(Evil()),
        f"refused: this pickle ...; {REFUSED}",
    ),
    checkpoint("truncated", "checkpoint cut in half", lambda: saved({"a": _tensor()})[:300], CORRUPT),
    checkpoint("empty", "checkpoint of zero bytes", lambda: b"", CORRUPT),
    checkpoint("list", "a list of tensors", lambda: saved([_tensor()]), "holds a list, not weights by name"),
    checkpoint(
        "both",
        "params and params_ema side by side",
        lambda: saved({"params": {"a": _tensor()}, "params_ema": {"a": _tensor()}}),
        "holds 2 sets of weights; choose by key: params (raw) or params_ema (averaged)",
    ),
    checkpoint(
        "state",
        "a training state without weights",
        lambda: saved({"epoch": 3, "iter": 9}),
        "holds no weights by name; its entries: epoch, iter",
    ),
    Case(
        "metric-weights",
        "a metric's weight file cut short",
        f"evaluate {EXPERIMENT} --reference bicubic",
        "weights/alexnet-owt-7be5be79.pth: SHA-256 begins with ..., not 7be5be79: truncated or another file; delete it and fetch it again",
        both(
            written(EXPERIMENT, BASE.replace("[psnr_rgb]", "[psnr_rgb, lpips]")),
            written("weights/alexnet-owt-7be5be79.pth", b"cut"),
            written("weights/LPIPS_v0.1_alex-df73285e.pth", b"cut"),
        ),
        finished=True,
    ),
]
