"""Networks of the catalogue, small enough for tests."""

from __future__ import annotations

import pytest

from harness.experiment.catalogues import CONFIGS
from harness.foundation.yamlfile import load_mapping
from harness.spec import NetworkEntry


@pytest.fixture(scope="session")
def networks() -> dict[str, NetworkEntry]:
    """The catalogue of networks."""
    return load_mapping(CONFIGS / "networks.yaml", NetworkEntry, "network")
