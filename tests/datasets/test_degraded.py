"""Sets that come degraded: SEAL's hundred degradations of Set14, and a small set of that kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.datasets.benchmark import generate, read_benchmark
from harness.datasets.catalogue import find_entry
from harness.datasets.manifests import Row, difference, read_manifest, write_manifest
from harness.datasets.resolve import missing
from harness.datasets.verify import verify, wrong_originals
from harness.evaluation.scores import compare, psnr_y, ssim_y
from harness.experiment.catalogues import Catalogues
from harness.experiment.direct_evaluation import adhoc_evaluation
from harness.foundation.errors import HarnessError
from harness.foundation.images import crop_to_multiple, read_rgb

ENTRY = """\
Two:
  kind: degraded
  images: 2
  folder: two
  pattern: hr/{name}
  low: lq/{degradation}/{name}
  degradations: 2
  manifest: Two
  licence: none
"""


def test_the_images_of_seal_are_those_of_the_manifest(shared_data_root: Path) -> None:
    """All that are there: 8 of the 100 degradations, and Set14, cropped to multiples of 12."""
    path = find_entry("Set14_SE").manifest_path
    assert path is not None
    rows = dict(read_manifest(path).rows)
    assert len(rows) == 14 * 101
    low = sorted((shared_data_root / "seal" / "Set14_SE_part").glob("deg_*/*.png"))
    assert len(low) == 8 * 14
    for file in low:
        assert difference(read_rgb(file), rows[f"Set14_LQ_SE/{file.parent.name}/{file.stem}"]) is None, file
    originals = sorted((shared_data_root / "benchmarks" / "Set14").glob("*.webp"))
    assert len(originals) == 14
    for file in originals:
        assert difference(crop_to_multiple(read_rgb(file), 12), rows[f"Set14-GTmod12/{file.stem}"]) is None, file


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A set of two images in two versions, catalogued by a project; returns its data folder."""
    random = np.random.default_rng(0)
    rows = []
    for folder, side in (("hr", 64), ("lq/deg_0", 16), ("lq/deg_1", 16)):
        (tmp_path / "data" / "two" / folder).mkdir(parents=True)
        for name in ("a", "b"):
            pixels = random.integers(0, 256, (side, side, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / "two" / folder / f"{name}.png")
            rows.append(Row.of(f"{folder}/{name}", pixels))
    (tmp_path / "configs" / "manifests").mkdir(parents=True)
    (tmp_path / "configs" / "datasets.yaml").write_text(ENTRY)
    write_manifest(tmp_path / "configs" / "manifests" / "Two.tsv", {"dataset": "Two"}, rows)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


def test_a_set_that_comes_degraded_is_taken_as_it_is(two: Path) -> None:
    spec = adhoc_evaluation(["Two"], ["blur"], ["psnr_y_whole"], 4, Catalogues.load())
    assert spec.sets[0].degradations == ("deg_0", "deg_1")
    assert generate("Two", spec.sets[0].degradations, "results/benchmarks/x4", two) == []
    for image in read_benchmark("results/benchmarks/x4", "Two", "deg_1"):
        np.testing.assert_array_equal(read_rgb(image.path), read_rgb(two / "two" / "lq" / "deg_1" / image.path.name))
    assert all(verdict.good for verdict in verify(["Two"], two, "results/benchmarks"))


def test_what_is_wrong_with_it_is_said(two: Path) -> None:
    with pytest.raises(HarnessError, match="degradations: 'blur': the dataset Two comes in deg_0 to deg_1 only"):
        generate("Two", ["blur"], "results/benchmarks/x4", two)
    with pytest.raises(HarnessError, match="16 x 16, the ground truth 64 x 64: Two does not come for x2"):
        generate("Two", ["deg_0"], "results/benchmarks/x2", two, scale=2)
    file = two / "two" / "lq" / "deg_1" / "b.png"
    Image.new("RGB", (16, 16)).save(file)
    assert [line.partition(": ")[0] for line in wrong_originals("Two", two)] == [str(file)]
    with pytest.raises(HarnessError, match=r"deg_1/b.png: not the original of the manifest"):
        generate("Two", ["deg_0", "deg_1"], "results/benchmarks/x4", two)
    file.unlink()
    assert "1 of 6 images missing: lq/deg_1/b;" in str(missing("Two", two))


def test_metrics_of_whole_images_leave_out_no_border() -> None:
    random = np.random.default_rng(1)
    output, target = random.integers(0, 256, (2, 40, 40, 3), dtype=np.uint8)
    for name, metric in (("psnr_y", psnr_y), ("ssim_y", ssim_y)):
        whole = compare(f"{name}_whole", output, target, 4)
        assert whole == metric(output, target, 0) != metric(output, target, 4)
