"""The catalogue of datasets: complete, consistent with its manifests, and clear about mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.datasets.catalogue import CONFIGS, load_catalogue
from harness.datasets.manifests import read_manifest
from harness.foundation.errors import HarnessError

ENTRIES = load_catalogue()
GOOD: dict[str, Any] = {"kind": "benchmark", "images": 5, "folder": "x", "licence": "none"}


@pytest.mark.parametrize("name", ENTRIES)
def test_entries_agree_with_their_manifests(name: str) -> None:
    entry = ENTRIES[name]
    assert entry.licence
    if entry.manifest_path is not None:
        rows = read_manifest(entry.manifest_path).rows
        assert len(rows) == (entry.images or 0) * (1 + (entry.degradations or bool(entry.low)))
        if any("{file}" in source.url for source in entry.sources):
            assert all(row.file for row in rows.values())
    elif any("{file}" in source.url for source in entry.sources):
        raise AssertionError(f"{name}: a source of single files needs a manifest that lists them")


def test_every_standard_benchmark_has_locks() -> None:
    from harness.datasets.locks import lock_path
    from harness.degradations.fixed import RECIPES, SWEPT

    for dataset in ("embedded_test", "Set5", "Set14", "B100"):
        rows = {name: read_manifest(lock_path(dataset, name)).rows for name in (*RECIPES, *SWEPT)}
        assert {len(found) for found in rows.values()} == {ENTRIES[dataset].images}
        weakest = ("clean", "blur_sweep_0", "noise_sweep_0", "kernel_sweep_bicubic")
        assert len({tuple(row.sha256 for row in rows[name].values()) for name in weakest}) == 1
        assert rows["kernel_sweep_matlab"] == rows["clean_matlab"]
        assert rows["blur_sweep_2"] == rows["blur"]
        assert rows["jpeg_sweep_50"] == rows["jpeg"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"kind": "test"}, "entry.kind: 'test': input should be 'benchmark', 'training'"),
        ({"images": 0}, "entry.images: 0: input should be greater than 0"),
        ({"images": "5"}, "entry.images: '5'"),
        ({"image": 5}, "entry.image: unknown key; allowed: .*folder, images"),
        ({"licence": None}, "entry.licence: required, but not given"),
        ({"folder": None}, "folder: required, the place below the data folder"),
        ({"folder": "../x"}, "folder '../x': must lie below the data folder"),
        ({"folder": "/x"}, "folder '/x': must lie below the data folder"),
        ({"images": None, "manual": "ask"}, "images: required, the number of images; only photographs of your own"),
        ({"images": None, "folder": "../x"}, "folder '../x': must lie below the data folder"),
        ({"pattern": "*"}, r"pattern '\*': must contain {name} once"),
        ({"low": "{name}"}, "low: required for real_paired and degraded, and only there"),
        ({"degradations": 2}, "degradations: required for degraded, and only there"),
        (
            {"kind": "degraded", "low": "{name}", "degradations": 2},
            "degraded needs a manifest, and {degradation} once in low",
        ),
        ({"kind": "real_paired"}, "low: required for real_paired and degraded, and only there"),
        ({"kind": "embedded"}, "files: required for embedded photographs"),
        ({"files": {"a": "b:c"}}, "files: required for embedded photographs, and only for them"),
        ({"crop": -1}, "entry.crop: -1: input should be greater than 0"),
        ({"sources": [{"url": "ftp://x"}]}, "entry.sources.0.url: 'ftp://x'"),
        ({"sources": [{"url": "https://x", "sha256": "12"}]}, "entry.sources.0.sha256: '12'"),
    ],
)
def test_mistakes_give_file_field_and_value(tmp_path: Path, change: dict[str, Any], problem: str) -> None:
    path = tmp_path / "datasets.yaml"
    path.write_text(yaml.safe_dump({"entry": {k: v for k, v in {**GOOD, **change}.items() if v is not None}}))
    with pytest.raises(HarnessError, match=problem) as caught:
        load_catalogue(path)
    assert str(caught.value).startswith(f"{path}: entry")


def test_a_missing_catalogue_is_told(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"datasets\.yaml: no such file"):
        load_catalogue(tmp_path / "datasets.yaml")
    assert (CONFIGS / "datasets.yaml").is_file()


def test_the_documentation_names_every_dataset() -> None:
    text = (CONFIGS.parent / "docs" / "datasets.md").read_text()
    assert not [name for name in yaml.safe_load((CONFIGS / "datasets.yaml").read_text()) if f"`{name}`" not in text]


def test_entries_of_your_own_join_the_catalogue(tmp_path: Path) -> None:
    (tmp_path / "datasets.yaml").write_text(yaml.safe_dump({"theirs": GOOD}))
    mine = {"kind": "real_unpaired", "folder": "/photographs/holiday", "licence": "mine"}
    (tmp_path / "datasets.local.yaml").write_text(yaml.safe_dump({"holiday": mine}))
    entries = load_catalogue(tmp_path / "datasets.yaml")
    assert list(entries) == ["theirs", "holiday"]
    assert entries["holiday"].own
    assert not entries["theirs"].own


def test_entries_of_your_own_replace_no_others(tmp_path: Path) -> None:
    (tmp_path / "datasets.yaml").write_text(yaml.safe_dump({"theirs": GOOD}))
    (tmp_path / "datasets.local.yaml").write_text(yaml.safe_dump({"theirs": GOOD}))
    with pytest.raises(HarnessError, match=r"datasets\.local\.yaml: theirs: the name of an entry of datasets\.yaml"):
        load_catalogue(tmp_path / "datasets.yaml")
