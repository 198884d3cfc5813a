"""The study of options runs, and gives one ratio for each network and option."""

from __future__ import annotations

import pytest

from benchmarks.choices import main, ratio
from benchmarks.specs import network_spec


def test_a_spec_has_the_networks_defaults_and_the_option() -> None:
    spec = network_spec("srresnet_tiny", "cpu", 2, 32, foreach_ema=False)
    assert spec.network.arguments["num_block"] == 2
    training = spec.training
    assert (training.batch_size, training.patch, training.channels_last, training.foreach_ema) == (2, 32, True, False)
    assert network_spec("srresnet_x1_small", "cpu", 2, 32).scale == 1
    assert network_spec("srresnet", "cuda", 2, 32).training.cuda_graph is True


def test_ratios_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["srresnet_tiny", "--options", "channels_last", "--patch", "32", "--steps", "3"])
    network, precision, option, value = capsys.readouterr().out.split()
    assert (network, precision, option) == ("srresnet_tiny", "fp32", "channels_last")
    assert 0 < float(value) < 20
    assert ratio("srresnet_tiny", "foreach_ema", "cpu", 1, 32, 1) > 0
