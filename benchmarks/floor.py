"""What a step cannot beat: counted operations and bytes over the rates that this machine reaches."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.network import random_batch
from harness.networks.build import build_network
from harness.spec import RunSpec

ITERATIONS = 500_000


def counts(spec: RunSpec) -> dict[str, float]:
    """Count one step of the plain network: forward and backward pass of one image on the CPU, times the batch.

    Returns:
        ``flops``: of convolutions and matrix products, two per multiplication with addition. ``bytes``: what all
        operations read and write in float32 if each goes to memory and none is fused: more than a fused step needs.
        ``saved_bytes``: activations kept for the backward pass.
    """
    network, batch = build_network(spec.network, 0), random_batch(spec, "cpu")
    saved: dict[int, int] = {}
    own = {parameter.data_ptr() for parameter in network.parameters()}

    def keep(tensor: Tensor) -> Tensor:
        if tensor.data_ptr() not in own:
            saved[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with FlopCounterMode(display=False) as flops, _ByteCounter() as traffic:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = F.l1_loss(network(batch.lr[:1]), batch.target[:1])
        loss.backward()
    images = spec.training.batch_size
    return {
        "flops": float(flops.get_total_flops() * images),
        "bytes": float(traffic.total * images),
        "saved_bytes": float(sum(saved.values()) * images),
    }


def rates(device: str, quick: bool = False) -> dict[str, float]:
    """Measure what the device reaches: operations per second in matrix products and convolutions, bytes per second.

    On a CPU: by the processor time of one thread, times the threads that torch may use, so that other programs on the
    machine do not count.
    """
    if device == "cpu":
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return {name: rate * threads for name, rate in _rates(device, quick).items()}
        finally:
            torch.set_num_threads(threads)
    return _rates(device, quick)


def _rates(device: str, quick: bool) -> dict[str, float]:
    side = 512 if quick else 2048 if device == "cpu" else 8192
    dtypes = {"fp32": torch.float32} if device == "cpu" else {"fp32": torch.float32, "bf16": torch.bfloat16}
    found: dict[str, float] = {}
    for name, dtype in dtypes.items():
        square = torch.randn(side, side, device=device, dtype=dtype)
        found[f"gemm_{name}_flops"] = 2 * side**3 / _best(square, partial(torch.mm, square, square))
        images = torch.randn(2 if quick else 16, 64, 32, 32, device=device, dtype=dtype)
        layer = nn.Conv2d(64, 64, 3, padding=1, device=device, dtype=dtype)
        layer, images = layer.to(memory_format=torch.channels_last), images.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.no_grad():
            flops = 2 * 9 * 64 * images.numel()
            found[f"conv_{name}_flops"] = flops / _best(images, partial(layer, images))
    block = torch.empty((16 if quick else 256) * 2**20, dtype=torch.uint8, device=device)
    other = torch.empty_like(block)
    found["copy_bytes"] = 2 * block.numel() / _best(block, lambda: other.copy_(block))
    return found


def floor(spec: RunSpec, rate: dict[str, float]) -> dict[str, float]:
    """Return the least seconds of one network step by operations and by bytes, and hours of a whole training."""
    counted, precision = counts(spec), spec.training.precision
    by_flops = counted["flops"] / rate.get(f"gemm_{precision}_flops", rate["gemm_fp32_flops"])
    by_bytes = counted["bytes"] * (0.5 if precision == "bf16" else 1.0) / rate["copy_bytes"]
    return {
        **counted,
        "seconds_by_flops": by_flops,
        "seconds_by_bytes_unfused": by_bytes,
        "hours_by_flops": by_flops * ITERATIONS / 3600,
    }


class _ByteCounter(TorchDispatchMode):
    """Adds up the bytes that operations take and give; views take none."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = [t for t in tree_leaves((args, kwargs or {}, result)) if isinstance(t, Tensor)]
            self.total += sum(tensor.nbytes for tensor in tensors)
        return result


def _best(sample: Tensor, function: Callable[[], object], repetitions: int = 5) -> float:
    clock = time.process_time if sample.device.type == "cpu" else time.perf_counter
    seconds = []
    for _ in range(repetitions + 1):
        _wait(sample)
        start = clock()
        function()
        _wait(sample)
        seconds.append(clock() - start)
    return min(seconds)


def _wait(sample: Tensor) -> None:
    if sample.device.type == "cuda":
        torch.cuda.synchronize(sample.device)
