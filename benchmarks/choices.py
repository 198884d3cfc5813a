"""Which options of performance pay, network by network: where ``configs/networks.yaml`` has its defaults from.

    python -m benchmarks.choices [--device cuda] [--precision bf16] [--options channels_last cuda_graph] [NETWORK ...]

prints, for every option, the time of a network step with it over the time without it; everything else is the network's
default. On a CPU by the processor time of one thread, both sides by turns; on a GPU between events.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator, Sequence
from functools import partial

import torch

from benchmarks.cuda import forget, measure_network
from benchmarks.network import harness_step, random_batch
from benchmarks.specs import network_spec
from harness.spec import RunSpec
from harness.training.train import settle

NETWORKS = ("srresnet_small", "srresnet", "srresnet_x1", "rrdb", "swinir")
OPTIONS = {
    "cpu": ("channels_last", "fused_optimizer", "foreach_ema"),
    "cuda": ("channels_last", "cuda_graph", "fused_optimizer", "foreach_ema", "compile"),
}
"""What is tried by default. ``compile`` on a CPU takes from ten seconds to minutes for each network: ask for it."""


def ratio(network: str, option: str, device: str, batch: int, patch: int, steps: int, precision: str = "fp32") -> float:
    """Return the time of a step with an option over the time of one without.

    Args:
        network: name in the catalogue.
        option: name of a field of ``PerformanceSpec`` that is on or off.
        device: ``cpu`` or ``cuda``.
        batch: images.
        patch: side of the target in pixels, a multiple of 4 times what the network needs.
        steps: how many are timed.
        precision: of both sides.
    """
    fixed = {"precision": precision}
    specs = [network_spec(network, device, batch, patch, **fixed, **{option: on}) for on in (True, False)]
    if device == "cuda":
        on, off = (measure_network(spec, steps, device) for spec in specs)
        return on / off
    return statistics.median(_paired(specs, steps))


def _paired(specs: Sequence[RunSpec], steps: int) -> Iterator[float]:
    """Yield the ratio of each turn, after one that warms up."""
    forget()
    sides = [partial(harness_step(spec, "cpu"), random_batch(spec, "cpu")) for spec in specs]
    for turn in range(steps + 2):
        seconds = []
        for side in sides:
            start = time.process_time()
            side()
            seconds.append(time.process_time() - start)
        if turn > 1:
            yield seconds[0] / seconds[1]


def main(arguments: list[str] | None = None) -> None:
    """Print one line for each network and option."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.choices", description=__doc__)
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=f"by default {' '.join(NETWORKS)}")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--options", nargs="+", metavar="OPTION", help="by default all that are quick to try")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--batch", type=int, help="images; by default 2 on a CPU and 16 on a GPU")
    parser.add_argument("--patch", type=int, default=128, help="side of the target in pixels")
    parser.add_argument("--steps", type=int, help="timed steps; by default 5 on a CPU and 100 on a GPU")
    chosen = parser.parse_args(arguments)
    on_gpu = chosen.device == "cuda"
    if on_gpu and not torch.cuda.is_available():
        parser.error("--device cuda: torch sees no GPU here; use --device cpu")
    settle(1)
    batch, steps = chosen.batch or (16 if on_gpu else 2), chosen.steps or (100 if on_gpu else 5)
    for network in chosen.networks or NETWORKS:
        for option in chosen.options or OPTIONS[chosen.device]:
            found = ratio(network, option, chosen.device, batch, chosen.patch, steps, chosen.precision)
            print(f"{network:20} {chosen.precision} {option:18} {found:6.2f}", flush=True)


if __name__ == "__main__":
    main()
