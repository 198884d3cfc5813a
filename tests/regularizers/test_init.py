"""Regularizers are found by their files, and their options are typed."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

import harness.regularizers as package
from harness.experiment.catalogues import Catalogues
from harness.foundation.errors import HarnessError
from harness.foundation.rng import Draws
from harness.networks.build import build_network
from harness.networks.sizes import enlargement
from harness.networks.taps import Taps
from harness.regularizers import (
    available,
    build_regularizer,
    least_iterations,
    load_regularizer,
    resolve_options,
    views,
)
from harness.regularizers.dropout import Dropout
from harness.spec import RegularizerSpec


def test_files_are_regularizers() -> None:
    assert {"baseline", "dropout", "simple_align", "adaptive_dropout"} <= set(available())
    assert not {"base", "conformance", "__init__", "_noise", "_gate"} & set(available())


def test_nothing_imports_torch() -> None:
    source = (
        "import sys; import harness.regularizers as r;"
        "[(r.resolve_options(n, {}), r.views(n, {}), r.least_iterations(n, {})) for n in r.available()];"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", source], check=False).returncode == 0


def test_a_new_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = (
        "from harness.regularizers import Regularizer\n"
        "class Mine(Regularizer):\n"
        "    def attach(self, network, taps, draws):\n"
        "        pass\n"
    )
    (tmp_path / "mine_too.py").write_text(source)
    (tmp_path / "nothing_in_it.py").write_text("")
    monkeypatch.setattr(package, "_FOLDER", tmp_path)
    monkeypatch.setattr(package, "__path__", [str(tmp_path)])
    assert available() == ["mine_too", "nothing_in_it"]
    assert load_regularizer("mine_too").__name__ == "Mine"
    with pytest.raises(HarnessError, match=r"nothing_in_it\.py must define one class, not 0"):
        load_regularizer("nothing_in_it")


def test_import_path() -> None:
    assert load_regularizer("harness.regularizers.dropout:Dropout") is Dropout


def test_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("rdsr", "harness.regularizers.dropout:Dropout", package.ENTRY_POINTS)
    monkeypatch.setattr(package, "entry_points", lambda group: EntryPoints([point]))
    assert load_regularizer("rdsr") is Dropout
    with pytest.raises(HarnessError, match="allowed: adaptive_dropout, .*, rdsr, or an import path"):
        load_regularizer("no_such")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("drop", "regularizer 'drop': unknown; allowed: adaptive_dropout, baseline, cutblur, cutmix, "),
        ("no.such.module:X", "module 'no.such.module' cannot be imported"),
        ("harness.regularizers.dropout:Drop", "no regularizer 'Drop' there; there are: Dropout, Regularizer"),
    ],
)
def test_unknown_regularizers(name: str, message: str) -> None:
    with pytest.raises(HarnessError) as caught:
        load_regularizer(name)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("dropout", {"rat": 0.5}, "options.rat: unknown key; allowed: kind, positions, rate"),
        ("dropout", {"rate": 1.0}, "options.rate: 1.0: input should be less than 1"),
        ("dropout", {"rate": -0.1}, "options.rate: -0.1: input should be greater than 0"),
        ("dropout", {"rate": 0}, "options.rate: 0: input should be greater than 0"),
        ("adaptive_dropout", {"rate": 0}, "options.rate: 0: input should be greater than 0"),
        ("adaptive_dropout", {"initial_weight": 1}, "options.initial_weight: 1: input should be less than 1"),
        ("simple_align", {"first_order": False, "second_order": False}, "nothing is aligned; weight 0 is the control"),
        ("dropout", {"rate": "5e-1"}, "options.rate: '5e-1' is text to YAML, not a number; write 5.0e-1"),
        ("dropout", {"kind": "pixel"}, "options.kind: 'pixel': input should be 'channel' or 'element'"),
        ("dropout", {"positions": ["block_0"]}, "'block_0': unknown; allowed: last, first, block_<n>"),
        ("dropout", {"positions": []}, "options.positions"),
        ("simple_align", {"weight": -1}, "options.weight: -1"),
        ("simple_align", {"views": 3}, "options.views: unknown key; allowed: first_order, rff, second_order, weight"),
        ("adaptive_dropout", {"initial_weight": 1.5}, "options.initial_weight: 1.5"),
        ("adaptive_dropout", {"interval": 0}, "options.interval: 0"),
        ("adaptive_dropout", {"order": "forwards"}, "options.order: 'forwards': input should be 'first_first'"),
        ("baseline", {"rate": 1}, "options.rate: unknown key; allowed: none"),
    ],
)
def test_wrong_options(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(HarnessError) as caught:
        resolve_options(name, options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_are_completed_and_stable() -> None:
    resolved = resolve_options("adaptive_dropout", {"initial_weight": 0.7})
    assert resolved == {
        "initial_weight": 0.7, "rate": 0.5, "interval": 0.04, "order": "first_first", "sites": "all", "gate": "none",
    }  # fmt: skip
    assert resolve_options("adaptive_dropout", resolved) == resolved
    assert resolve_options("dropout", {"positions": ["last"]}) == resolve_options("dropout", {})


def test_views_and_least_iterations() -> None:
    assert [views(n, {}) for n in ("baseline", "dropout", "adaptive_dropout", "simple_align")] == [1, 1, 1, 2]
    assert views("simple_align", {"weight": 0}) == 2
    assert least_iterations("adaptive_dropout", {}) == 26
    assert least_iterations("adaptive_dropout", {"interval": 0.03}) == 34
    assert least_iterations("adaptive_dropout", {"order": "none"}) == 1
    assert least_iterations("baseline", {}) == 1


def test_every_variant_of_the_catalogue_attaches_to_every_network() -> None:
    catalogues = Catalogues.load()
    for network_name, network in catalogues.networks.items():
        if network_name in ("rrdb", "swinir", "swinir_x1", "srresnet_x1"):
            continue  # of the same kind as their small ones
        model = build_network(network, 0)
        taps = Taps(model, network.taps)
        assert network.blocks == len(taps.points("block_outputs")), network_name
        for entry in catalogues.variants.values():
            spec = RegularizerSpec(regularizer=entry.regularizer, options=entry.options)
            blocks = len(taps.points("block_outputs"))
            wanted = max([int(p[6:]) for p in spec.options.get("positions", ()) if p.startswith("block_")], default=0)
            outcome = nullcontext() if wanted <= blocks else pytest.raises(HarnessError, match=f"has {blocks} blocks")
            if (
                spec.options.get("paste", "target") == "target"
                and spec.regularizer == "cutblur"
                and enlargement(model) > 1
            ):
                outcome = pytest.raises(HarnessError, match="input and target differ in size")
            regularizer = build_regularizer(spec)
            with outcome:
                regularizer.attach(model, taps, lambda: Draws(0, 1, 0, range(4)))
            regularizer.detach()
