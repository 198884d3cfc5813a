"""The baseline is the plain network."""

from __future__ import annotations

import pytest
import torch

from harness.networks.build import build_network
from tests.regularizers.helpers import NETWORKS, SEED, SMALL, Attached, images


@pytest.mark.parametrize("network", SMALL)
def test_nothing_changes(network: str) -> None:
    attached = Attached("baseline", network)
    attached.at(1)
    batch = images(side=8)
    assert torch.equal(attached.forward(batch), build_network(NETWORKS[network], SEED)(batch))
    assert attached.regularizer.penalty(None) is None
    assert not attached.regularizer.uses_features
    assert attached.regularizer.views == 1
    assert list(attached.regularizer.parameters()) == []
