"""Philox 4x32-10 and what is made of its words: known answers, equal bits of all forms, statistics."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.foundation import philox, quantiles
from harness.foundation.rng import Draws, derive_key
from tests.conftest import ROOT

ONES = 0xFFFFFFFF
KNOWN = [  # Random123's kat_vectors: counter, key, words
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ONES,) * 4, (ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
COEFFICIENTS = "ac85c03a2a1fbb87938478662208ff142c436790071f601a37ff2ab464b1c624"
PINNED_UNIFORM = [0.4202060103416443, 0.8815075159072876, 0.5879809856414795]
PINNED_NORMAL = [0.2013663351535797, -0.30152377486228943, -1.3532928228378296]

FORMS = """
import torch
from harness.foundation import philox, quantiles
from harness.foundation.philox_triton import launch

keys = torch.from_numpy(philox.words_of([0, 2**128 - 1, 0x299F31D0A4093822 | 5 << 100]))
for kind in quantiles.KINDS.values():
    for shape in ((1,), (3, 37, 11), (1, 64, 64)):  # less than a word, a ragged end, whole blocks
        made = [torch.empty(3, *shape, dtype=torch.int32 if kind == quantiles.INTEGER else torch.float32) for _ in "ab"]
        philox.by_torch(made[0], keys, kind)
        launch(made[1], keys, kind)
        assert torch.equal(*made), (kind, shape)
"""


def plain(counter: tuple[int, ...], key: tuple[int, ...]) -> tuple[int, ...]:
    """The paper's definition, in Python's integers."""
    c, k = list(counter), list(key)
    for _ in range(10):
        first, second = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [second >> 32 ^ c[1] ^ k[0], second & ONES, first >> 32 ^ c[3] ^ k[1], first & ONES]
        k = [k[0] + 0x9E3779B9 & ONES, k[1] + 0xBB67AE85 & ONES]
    return tuple(c)


def made(kind: str, *shape: int, keys: list[int]) -> torch.Tensor:
    out = torch.empty(len(keys), *shape, dtype=torch.int32 if kind == "integer" else torch.float32)
    return philox.fill(out, torch.from_numpy(philox.words_of(keys)), quantiles.KINDS[kind])


def words(keys: list[int], count: int) -> torch.Tensor:
    blocks = philox.blocks(torch.from_numpy(philox.words_of(keys)), -(-count // 4))
    return torch.stack(blocks, dim=2).flatten(1)[:, :count]


def test_known_answers() -> None:
    for counter, key, expected in KNOWN:
        assert plain(counter, key) == expected
    c0, c1, k0, k1 = 0, 0, *KNOWN[0][1]
    assert words([k0 | k1 << 32], 4)[0].tolist() == list(plain((c0, c1, 0, 0), (k0, k1)))


@settings(deadline=None, max_examples=30)
@given(key=st.integers(0, 2**128 - 1))
def test_words_are_those_of_the_definition(key: int) -> None:
    halves = [key >> shift & ONES for shift in (0, 32, 64, 96)]
    expected = [word for block in range(3) for word in plain((block, 0, *halves[2:]), (halves[0], halves[1]))]
    assert words([key], 11)[0].tolist() == expected[:11]
    assert made("integer", 11, keys=[key])[0].tolist() == [word >> 1 for word in expected[:11]]
    assert made("uniform", 11, keys=[key])[0].tolist() == [(word >> 8) / 2**24 for word in expected[:11]]


def test_the_kernel_has_equal_bits() -> None:
    if importlib.util.find_spec("triton") is None:
        pytest.skip("no Triton, which comes with torch's CUDA builds; its interpreter runs the kernel on a CPU")
    environment = os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", FORMS], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.gpu
def test_a_gpu_has_the_bits_of_the_cpu() -> None:
    keys = torch.from_numpy(philox.words_of(list(range(4))))
    for kind in quantiles.KINDS.values():
        dtype = torch.int32 if kind == quantiles.INTEGER else torch.float32
        host = torch.empty(4, 3, 301, 203, dtype=dtype)
        kernel, operations = torch.empty_like(host, device="cuda"), torch.empty_like(host, device="cuda")
        philox.by_torch(host, keys, kind)
        philox.fill(kernel, keys.cuda(), kind)
        philox.by_torch(operations, keys.cuda(), kind)
        assert torch.equal(kernel.cpu(), host)
        assert torch.equal(operations.cpu(), host)


def test_numbers_and_coefficients_are_pinned() -> None:
    """Runs on a GPU depend on these: they may never change."""
    table = quantiles.quantiles(torch.device("cpu")).numpy().astype("<i4")
    assert hashlib.sha256(table.tobytes()).hexdigest() == COEFFICIENTS
    assert made("uniform", 3, keys=[derive_key("pin", 7)])[0].tolist() == PINNED_UNIFORM
    assert made("normal", 3, keys=[derive_key("pin", 7)])[0].tolist() == PINNED_NORMAL


def test_a_shorter_row_begins_a_longer_one_and_rows_are_their_keys_alone() -> None:
    for kind in quantiles.KINDS:
        long = made(kind, 3, 50, keys=[1, 2, 3])
        assert torch.equal(made(kind, 1, 50, keys=[2])[0], long[1, :1])


def test_normal_numbers_are_the_quantiles_of_their_words() -> None:
    edges = [0, 1, 2, 15, 16, 31, 32, 2**30 - 1, 2**30, 2**31 - 1]
    some = np.random.Generator(np.random.Philox(key=1)).integers(0, 2**31, 100_000).tolist()
    tails = torch.tensor(edges + some)
    for sign, sides in ((1, tails), (-1, tails + 2**31)):
        found = philox.normal(sides).double().numpy() / 2**quantiles.FRACTION_BITS
        exact = stats.norm.isf((2 * tails.double().numpy() + 1) / 2**33)
        assert np.abs(sign * found - exact).max() < 2e-7


@pytest.mark.parametrize(("kind", "law"), [("uniform", stats.uniform), ("normal", stats.norm)])
def test_numbers_have_their_distribution(kind: str, law: stats.rv_continuous) -> None:
    numbers = made(kind, 400_000, keys=[derive_key(0, "law", 0, 0, 0)])[0].double().numpy()
    assert stats.kstest(numbers, law.cdf).pvalue > 0.001
    counts = np.histogram(law.cdf(numbers), 1000, (0, 1))[0]
    assert stats.chisquare(counts).pvalue > 0.001
    assert abs(stats.kurtosis(numbers) - float(law.stats(moments="k"))) < 0.04


@pytest.mark.parametrize("bit", [0, 7, 15, 23, 31])
def test_each_bit_is_a_fair_coin(bit: int) -> None:
    ones = int((words([derive_key("bits")], 200_000)[0] >> bit & 1).sum())
    assert abs(ones - 100_000) < 4 * np.sqrt(200_000) / 2


@pytest.mark.parametrize("place", ["seed", "iteration", "view", "row", "stream", "pixel"])
def test_neighbours_are_independent(place: str) -> None:
    """Neighbouring seeds, iterations, views, rows, streams and pixels: no correlation, and no dependence in pairs."""
    base = {"seed": 3, "stream": "noise", "iteration": 5, "view": 0, "row": 2}
    other = base | ({place: base[place] + 1} if isinstance(base.get(place), int) else {})
    if place == "stream":
        other["stream"] = "noise2"
    keys = [derive_key(*(which[k] for k in base)) for which in (base, other)]  # type: ignore[arg-type]
    first, second = made("normal", 200_000, keys=keys).double().numpy()
    if place == "pixel":
        first, second = first[:-1], first[1:]
    limit = 4 / np.sqrt(len(first))
    for a, b in ((first, second), (np.abs(first), np.abs(second)), (first**2, second)):
        assert abs(np.corrcoef(a, b)[0, 1]) < limit
    ranks = [np.minimum((stats.norm.cdf(side) * 16).astype(int), 15) for side in (first, second)]
    assert stats.chisquare(np.bincount(ranks[0] * 16 + ranks[1], minlength=256)).pvalue > 0.001


def test_the_first_numbers_of_many_rows_are_uniform() -> None:
    keys = [
        derive_key(seed, "s", iteration, 0, row) for seed in range(8) for iteration in range(40) for row in range(16)
    ]
    assert stats.kstest(made("uniform", 1, keys=keys).flatten().double().numpy(), "uniform").pvalue > 0.001


def test_a_strided_tensor_is_refused() -> None:
    with pytest.raises(ValueError, match="contiguous"):
        philox.fill(torch.empty(2, 4, 4).transpose(1, 2), torch.from_numpy(philox.words_of([1, 2])), quantiles.NORMAL)


def test_the_numbers_of_a_cpu_keep_their_bytes() -> None:
    """Published hashes hold: on a CPU, `fill` gives what torch's generator of each row gives."""
    draws = Draws(5, 3, 1, (4, 9))
    expected = [torch.empty(3, 20, 21).normal_(generator=draws.bulk("x", row)) for row in draws.rows]
    assert torch.equal(draws.fill("x", torch.empty(2, 3, 20, 21), "normal"), torch.stack(expected))
    coins = [torch.rand(20, 21, generator=draws.bulk("x", row)) for row in draws.rows]
    assert torch.equal(draws.fill("x", torch.empty(2, 20, 21), "uniform"), torch.stack(coins))
