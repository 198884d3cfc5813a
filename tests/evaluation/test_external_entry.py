"""How models from outside are described: resolved without torch, identified by what they are, checked as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.evaluation.external_entry import ExternalEntry, ExternalModel, resolve_external
from harness.experiment import load_experiment
from harness.foundation.errors import HarnessError
from harness.foundation.files import file_sha256
from harness.spec import NetworkSpec
from harness.workflow.preflight import Needs, problems
from tests.workflow.conftest import SMALLEST

NETWORKS = {"small": NetworkSpec(path="a.b:C", arguments={"num_feat": 8}, taps={"last": ("conv:input",)})}


def resolve(weights: str = "x.pth", root: Path = Path(), **changes: Any) -> ExternalModel:
    return resolve_external("x", ExternalEntry(**{"weights": weights, "network": "small", **changes}), NETWORKS, root)


def test_three_ways_to_name_a_network() -> None:
    assert resolve().network == "small"
    assert resolve().spec == NETWORKS["small"]
    own = resolve(network="mine.nets:Net", arguments={"width": 3})
    assert (own.network, own.spec) == ("", NetworkSpec(path="mine.nets:Net", arguments={"width": 3}))
    assert resolve(network="spandrel").spec is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"network": "smal"}, "network 'smal': unknown; allowed: small, spandrel, or an import path module:Class"),
        ({"arguments": {"num_feat": 9}}, "arguments: the catalogue has those of 'small'"),
        ({"network": "spandrel", "arguments": {"a": 1}}, "arguments: spandrel finds them in the weights"),
        ({"python_path": "theirs"}, "python_path: goes with an import path module:Class, not with network 'small'"),
    ],
)
def test_mistakes_are_found_without_the_file(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(HarnessError) as caught:
        resolve(**changes)
    assert expected in str(caught.value)


def test_the_identifier_says_what_the_model_is_and_not_where_it_lies(tmp_path: Path) -> None:
    same = {resolve().identifier, resolve(root=tmp_path).identifier}
    other_taps = {"small": NETWORKS["small"].model_copy(update={"taps": {}})}
    same.add(resolve_external("x", ExternalEntry(weights="x.pth", network="small"), other_taps, Path()).identifier)
    assert len(same) == 1
    wide = {"small": NETWORKS["small"].model_copy(update={"arguments": {"num_feat": 9}})}
    others = {
        resolve("y.pth").identifier,
        resolve(key="params").identifier,
        resolve(sha256="0" * 64).identifier,
        resolve(network="a.b:C", arguments={"num_feat": 8}).identifier,
        resolve(network="a.b:C", arguments={"num_feat": 8}, python_path="theirs").identifier,
        resolve_external("x", ExternalEntry(weights="x.pth", network="small"), wide, Path()).identifier,
    }
    assert len(others | same) == 7
    assert all(name.startswith("external.x.") for name in others)


def test_files_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    assert resolve(root=tmp_path).problem() == (
        f"external x: weights {path}: no such weight file; put it there or correct the path"
    )
    path.write_bytes(b"weights")
    assert resolve(root=tmp_path).problem() is None
    assert resolve(str(path), root=Path("elsewhere")).problem() is None
    assert resolve(root=tmp_path, sha256=file_sha256(path)).problem() is None
    wrong = resolve(root=tmp_path, sha256="0" * 64).problem()
    assert wrong is not None
    assert f"SHA-256 is {file_sha256(path)}, not {'0' * 64}" in wrong
    assert file_sha256(path) in resolve(root=tmp_path, key="params").describe()
    folder = resolve(".", root=tmp_path).problem()
    assert folder is not None
    assert "a folder; name the file in it" in folder


def experiment(folder: Path, external: str) -> Path:
    path = folder / "outside.yaml"
    path.write_text(SMALLEST + f"weights_root: {folder}\nexternal:\n{external}")
    return path


def test_an_experiment_lists_what_is_missing(tmp_path: Path) -> None:
    text = "  theirs: {weights: a.pth, network: srresnet_small}\n  ours: {weights: b.pth, network: rrdb, key: params}\n"
    loaded = load_experiment(experiment(tmp_path, text))
    assert [model.name for model in loaded.externals] == ["theirs", "ours"]
    assert loaded.external("ours") is loaded.external(loaded.externals[1].identifier)
    assert loaded.labelled_metrics[1][1] == "theirs"
    with pytest.raises(HarnessError, match="external: no 'their'; there are: theirs, ours"):
        loaded.external("their")
    found = problems(loaded, Needs.everything(loaded), None)
    assert [line.split(": ")[0] for line in found] == ["external theirs", "external ours"]
    (tmp_path / "a.pth").write_bytes(b"")
    only = Needs.of([("evaluate_external", {"external": loaded.externals[1].identifier})])
    assert problems(loaded, only, None) == found[1:]


@pytest.mark.parametrize(
    ("external", "expected"),
    [
        ("  x: {weights: a.pth, network: srresnt}", "external.x: network 'srresnt': unknown; allowed: srresnet, "),
        ("  x: {weights: a.pth}", "external.x.network: required, but not given"),
        ("  x: {weights: a.pth, network: rrdb, keys: a}", "external.x.keys: unknown key; allowed: arguments, key, "),
        ("  x: {weights: a.pth, network: rrdb, sha256: abc}", "external.x.sha256: 'abc': string should match pattern"),
        ("  a/b: {weights: a.pth, network: rrdb}", "external: 'a/b': use letters, digits, _ and - only"),
        ("  dropout: {weights: a.pth, network: rrdb}", "methods: 'dropout': the name of two of references, external"),
        ("  bicubic: {weights: a.pth, network: rrdb}", "methods: 'bicubic': the name of two of references, external"),
    ],
)
def test_mistakes_in_an_experiment_are_one_line(tmp_path: Path, external: str, expected: str) -> None:
    with pytest.raises(HarnessError) as caught:
        load_experiment(experiment(tmp_path, external + "\n"))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'outside.yaml'}: ")
    assert expected in message
    assert "\n" not in message
