"""Kept batches change no byte of any arm, through kills, damage and arms side by side; and none looks cheaper."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any, ClassVar

import pytest
import safetensors
import torch

from harness.datasets.patches import Pack
from harness.degradations.spec import GaussianNoiseSpec
from harness.experiment.catalogues import Catalogues
from harness.regularizers import OptionsModel
from harness.regularizers.baseline import Baseline
from harness.spec import RunSpec
from harness.training import kept
from harness.training.batches import BatchSource
from harness.training.train import train
from tests.training.conftest import job, tiny_spec
from tests.training.test_train import killed_after, results, trained

CHUNK = 8
ARMS = ["baseline", "dropout", "simple_align", "adaptive_dropout"]


@pytest.fixture(autouse=True)
def _short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "CHUNK", CHUNK)


def chunks(root: Path) -> list[Path]:
    return sorted(root.rglob("*.safetensors"))


def record(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "run" / "run.json").read_text()))


def test_all_arms_of_a_seed_keep_their_bytes(packs: Path, tmp_path: Path) -> None:
    root = tmp_path / "batches"
    for regularizer in [*ARMS, "baseline", "simple_align"]:
        spec = tiny_spec(regularizer, iterations=2 * CHUNK + 5)
        place = tmp_path / regularizer
        online = results(place / "online") if (place / "online").exists() else trained(spec, packs, place / "online")
        before = {path: path.stat().st_mtime_ns for path in chunks(root)}
        assert trained(spec, packs, place / f"kept{len(before)}{regularizer}", batches=root) == online
        assert all(path.stat().st_mtime_ns == time for path, time in before.items()), "written twice"
    # Three chunks: what one-view arms kept is the first view of two-view arms, whose second one is their own.
    assert sorted(path.parent.name for path in chunks(root)) == ["rows2"] * 3 + ["rows4"] * 3


@pytest.mark.parametrize("usm_target", [False, True])
@pytest.mark.parametrize("kind", ["second_order", "noise", "released"])
def test_batches_are_equal_bit_for_bit(packs: Path, tmp_path: Path, kind: str, usm_target: bool) -> None:
    spec = tiny_spec(usm_target=usm_target, threads=2)
    if kind == "released":
        released = Catalogues.load().training_degradations["second_order_released"]
        spec = tiny_spec(usm_target=usm_target, threads=2, degradation=released, window="batch", crops="sub_images")
    if kind == "noise":
        noise = GaussianNoiseSpec(noise="gaussian", sigma=(5.0, 25.0))
        spec = spec.model_copy(update={"scale": 1, "training": spec.training.model_copy(update={"degradation": noise})})
    pack = Pack.open(packs / "embedded_train")
    torch.set_num_threads(2)
    try:
        first = BatchSource(pack, spec, 2, "cpu", kept=tmp_path)
        second = BatchSource(pack, spec, 2, "cpu", kept=tmp_path)
        made = [first.batch(iteration) for iteration in range(1, CHUNK + 1)]
        read = [second.batch(iteration) for iteration in range(1, CHUNK + 1)]
    finally:
        torch.set_num_threads(1)
    assert second.kept is not None
    assert second.kept.credit != 0
    for one, other in zip(made, read, strict=True):
        assert torch.equal(one.lr, other.lr)
        assert torch.equal(one.target, other.target)
        assert (one.lr.stride(), one.target.stride()) == (other.lr.stride(), other.target.stride())


def test_batches_that_are_made_otherwise_are_others(packs: Path, tmp_path: Path) -> None:
    pack, released = Pack.open(packs / "embedded_train"), Catalogues.load().training_degradations
    changes: list[dict[str, Any]] = [
        {},
        {"window": "batch"},
        {"crops": "sub_images"},
        {"degradation": released["second_order_gray_pattern"]},
    ]
    for count, change in enumerate(changes, start=1):
        spec = tiny_spec(iterations=CHUNK, **change)
        source = BatchSource(pack, spec, 1, "cpu", kept=tmp_path)
        for iteration in range(1, CHUNK + 1):
            made, own = source.batch(iteration), BatchSource(pack, spec, 1, "cpu").batch(iteration)
            assert torch.equal(made.lr, own.lr)
        assert len(chunks(tmp_path)) == count
    spelled = tiny_spec(iterations=CHUNK, window="image", crops="photographs")
    assert spelled.degraded_by(0) == tiny_spec(iterations=CHUNK).degraded_by(0), "the defaults have the name of before"


def test_what_an_image_underwent_is_told_of_kept_ones_too(packs: Path, tmp_path: Path) -> None:
    class Asks(Baseline):
        uses_degradation: ClassVar[bool] = True

    pack, spec = Pack.open(packs / "embedded_train"), tiny_spec()
    for _ in range(2):
        source = BatchSource(pack, spec, 1, "cpu", regularizer=Asks(OptionsModel()), kept=tmp_path)
        found = [source.batch(iteration).degradation["blur1"] for iteration in range(1, CHUNK + 1)]
    plain = BatchSource(pack, spec, 1, "cpu", regularizer=Asks(OptionsModel()))
    assert all(torch.equal(plain.batch(number + 1).degradation["blur1"], one) for number, one in enumerate(found))


def test_a_method_that_changes_clean_images_shares_nothing(packs: Path, tmp_path: Path) -> None:
    class Masks(Baseline):
        def clean(self, hr: torch.Tensor, draws: Any) -> torch.Tensor:
            return hr

    pack = Pack.open(packs / "embedded_train")
    masks = Masks(OptionsModel())
    assert BatchSource(pack, tiny_spec(), 1, "cpu", regularizer=masks, kept=tmp_path).kept is None


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning")
def test_kills_in_the_middle_of_a_chunk(packs: Path, tmp_path: Path) -> None:
    spec, root = tiny_spec("simple_align", iterations=40), tmp_path / "batches"
    whole = trained(spec, packs, tmp_path / "whole")
    where = job(packs, tmp_path / "killed", save_every=3, batches=root)
    for steps in (5, 9, 2, 13):
        assert killed_after(steps, 0.01, spec, where) == -signal.SIGKILL
    train(spec, where)
    assert results(tmp_path / "killed") == whole
    assert trained(spec, packs, tmp_path / "after", batches=root) == whole


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning")
def test_two_arms_write_one_chunk_at_once(packs: Path, tmp_path: Path) -> None:
    specs = {name: tiny_spec(name) for name in ("baseline", "dropout")}
    alone = {name: trained(spec, packs, tmp_path / name) for name, spec in specs.items()}
    children = []
    for name, spec in specs.items():
        child = os.fork()
        if child == 0:
            try:
                train(spec, job(packs, tmp_path / f"beside_{name}", batches=tmp_path / "batches"))
            finally:
                os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    assert {name: results(tmp_path / f"beside_{name}") for name in specs} == alone
    assert trained(specs["dropout"], packs, tmp_path / "third", batches=tmp_path / "batches") == alone["dropout"]


def test_damaged_and_deleted_chunks_are_made_again(
    packs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, root = tiny_spec(), tmp_path / "batches"
    whole = trained(spec, packs, tmp_path / "first", batches=root)
    files = chunks(root)
    content = files[1].read_bytes()
    files[0].unlink()
    files[1].write_bytes(content[:-100] + bytes(100))
    files[2].write_bytes(content[:50])
    (files[3].parent / f"{files[3].name}.sha256").unlink()
    assert trained(spec, packs, tmp_path / "second", batches=root) == whole
    warnings = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert len(warnings) == 2
    assert all("not what was written" in line and "made again" in line for line in warnings)
    assert chunks(root) == files
    assert files[1].read_bytes()[-100:] == content[-100:]
    assert trained(spec, packs, tmp_path / "third", batches=root) == whole
    assert "warning" not in capsys.readouterr().err


def test_a_full_disk_ends_the_keeping_and_not_the_run(
    packs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "batches"
    root.write_text("a file lies where the folder should be")
    spec = tiny_spec(iterations=12)
    assert trained(spec, packs, tmp_path / "kept", batches=root) == trained(spec, packs, tmp_path / "plain")
    assert capsys.readouterr().err.count("no more batches are kept, the run goes on") == 1


def test_who_reads_counts_what_the_making_took(packs: Path, tmp_path: Path) -> None:
    spec, root = tiny_spec(crop=96, iterations=2 * CHUNK), tmp_path / "batches"
    trained(spec, packs, tmp_path / "first", batches=root)
    trained(spec, packs, tmp_path / "second", batches=root)
    first, second = record(tmp_path / "first"), record(tmp_path / "second")
    assert first["seconds_credited"] == 0
    assert 0 < second["seconds_credited"] < sum(making_seconds(path) for path in chunks(root))
    assert second["seconds"] > second["seconds_credited"]


def making_seconds(path: Path) -> float:
    with safetensors.safe_open(path, "pt") as file:
        return float(file.metadata()["seconds"]) * len(file.get_tensor("images"))


@pytest.mark.parametrize(
    "change",
    [{"crop": 64}, {"patch": 16}, {"usm_target": False}, {"horizontal_flip": False}, {"seed": 1}],
    ids=lambda change: next(iter(change)),
)
def test_whatever_decides_the_pixels_is_in_the_folders_name(tmp_path: Path, change: dict[str, Any]) -> None:
    seed = {"seed": change.pop("seed")} if "seed" in change else {}
    other = tiny_spec(**change, **seed)
    assert folders(tiny_spec()) != folders(other)
    assert folders(tiny_spec()) == folders(tiny_spec("dropout", learning_rate=0.5, iterations=99))


def folders(spec: RunSpec) -> list[str]:
    found = kept.KeptBatches(Path("x"), spec, 2, 4, "data", "cpu")._folders
    assert found != kept.KeptBatches(Path("x"), spec, 2, 4, "other data", "cpu")._folders
    assert len(set(found)) == 2, "views"
    return [path.name for path in found]


def test_catalogue_degradations_have_folders_of_their_own() -> None:
    degradations = Catalogues.load().training_degradations
    second_order = [spec for spec in degradations.values() if not isinstance(spec, GaussianNoiseSpec)]
    assert len({tuple(folders(tiny_spec(degradation=spec))) for spec in second_order}) == len(second_order)
