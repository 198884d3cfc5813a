"""What regularizers may cost: time of a variant's step over baseline's, against the share of its arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch.utils.flop_counter import FlopCounterMode

from benchmarks.network import harness_step, random_batch
from benchmarks.specs import bench_spec

MOST = {"dropout": 1.1, "adaptive_dropout": 1.1, "simple_align": 1.3}
"""Slowdown that is allowed, beyond the arithmetic share."""

_COUNTED = 2  # images: operations are proportional to them


def shares(small: bool = False) -> dict[str, float]:
    """Count operations of one step, products of matrices and convolutions: each variant's over baseline's.

    Both see as many degraded images. A penalty is counted, noise is not: it multiplies elements.
    """
    counted = {variant: _flops(variant, small) for variant in ("baseline", *MOST)}
    return {variant: counted[variant] / counted["baseline"] for variant in MOST}


def verdicts(slowdown: Mapping[str, float], shares: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Return ``slowdown`` with ``share`` and ``limit`` of each entry.

    Args:
        slowdown: ``<precision>_<variant>`` to its time over baseline's in the same precision.
        shares: of the variants, from :func:`shares`.
    """
    found = {}
    for name, value in slowdown.items():
        variant = name.split("_", 1)[1]
        found[name] = {"slowdown": value, "share": shares[variant], "limit": MOST[variant] * shares[variant]}
    return found


def lines(found: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """Yield a table of :func:`verdicts`."""
    yield f"\n{'time over baseline':30} {'measured':>9} {'arithmetic':>11} {'limit':>6}"
    for name, row in found.items():
        verdict = "kept" if row["slowdown"] <= row["limit"] else "NOT KEPT"
        yield f"{name:30} {row['slowdown']:9.2f} {row['share']:11.4f} {row['limit']:6.2f}  {verdict}"


def _flops(variant: str, small: bool) -> int:
    spec = bench_spec(variant, "cpu", small=small, batch_size=_COUNTED)
    step, batch = harness_step(spec, "cpu"), random_batch(spec, "cpu")
    with FlopCounterMode(display=False) as counter:
        step(batch)
    return int(counter.get_total_flops())
