"""Stand-ins have the names, initial weights and results of BasicSR's networks, bit for bit."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch

from harness.foundation.errors import HarnessError
from harness.networks import build
from harness.networks.build import build_network, import_network
from harness.networks.stand_ins import STAND_INS
from harness.spec import NetworkSpec

SRRESNET, RRDB = STAND_INS
CASES = [(SRRESNET, {"num_feat": 6, "num_block": 2, "upscale": scale}) for scale in (2, 3, 4)]
CASES += [(RRDB, {"num_in_ch": 3, "num_out_ch": 3, "num_feat": 6, "num_block": 1, "scale": s}) for s in (1, 2, 4)]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without BasicSR."""
    real = importlib.import_module

    def import_module(name: str, *arguments: Any) -> Any:
        if name.startswith("basicsr"):
            raise ModuleNotFoundError("No module named 'basicsr'", name="basicsr")
        return real(name, *arguments)

    monkeypatch.setattr(build.importlib, "import_module", import_module)


@pytest.mark.parametrize(("path", "arguments"), CASES)
def test_bits_are_equal(path: str, arguments: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    spec = NetworkSpec(path=path, arguments=arguments)
    theirs = build_network(spec, 3)
    assert type(theirs).__module__.startswith("basicsr")
    monkeypatch.setattr(build, "import_network", STAND_INS.__getitem__)
    own = build_network(spec, 3)
    weights, expected = own.state_dict(), theirs.state_dict()
    assert list(weights) == list(expected)
    assert all(torch.equal(weights[name], value) for name, value in expected.items())
    x = torch.rand(2, 3, 16, 12)
    results = [network(x) for network in (own, theirs)]
    assert torch.equal(*results)
    for result in results:
        result.square().sum().backward()
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(own.parameters(), theirs.parameters(), strict=True))


def test_without_basicsr_its_networks_are_the_stand_ins_and_others_say_what_is_missing(bare: None) -> None:
    assert all(import_network(path) is network for path, network in STAND_INS.items())
    with pytest.raises(HarnessError, match="No module named 'basicsr'"):
        import_network("basicsr.archs.swinir_arch:SwinIR")
