"""Networks of the catalogue, small enough for tests."""

from __future__ import annotations

import pytest

from harness.catalogues import CONFIGS
from harness.spec import NetworkEntry
from harness.yamlfile import load_mapping


@pytest.fixture(scope="session")
def networks() -> dict[str, NetworkEntry]:
    """The catalogue of networks."""
    return load_mapping(CONFIGS / "networks.yaml", NetworkEntry)
