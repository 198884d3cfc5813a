"""What a sentence says of seeds and images is true of them."""

from __future__ import annotations

from pathlib import Path

from harness.reporting.page.verdicts import verdicts
from tests.reporting import synthetic
from tests.reporting.statistics.test_rule import summary_of

NOT_REPEATED = "No training was repeated"
SMALL = {"methods": ("baseline", "dropout", "simple_align"), "metrics": ("psnr_rgb",), "datasets": ("Set14",)}


def sentences(folder: Path, *, seeds: int = 3, images: int = 14, copied: tuple[str, ...] = ()) -> dict[str, str]:
    """What is said of each method; those in ``copied`` have the baseline's values."""
    study = synthetic.study(seeds=tuple(range(seeds)), **SMALL)  # type: ignore[arg-type]
    rows = synthetic.metric_rows(study, images={"Set14": images})
    base = rows.loc[rows["variant"] == "baseline", "value"].to_numpy()
    for method in copied:
        rows.loc[rows["variant"] == method, "value"] = base
    found = verdicts(summary_of(folder, study, rows), study)
    return {sentence.split(" ")[0]: sentence for sentence in found}


def test_one_seed_repeats_nothing_and_three_do(tmp_path: Path) -> None:
    assert all(NOT_REPEATED in sentence for sentence in sentences(tmp_path, seeds=1).values())
    assert not any(NOT_REPEATED in sentence for sentence in sentences(tmp_path).values())


def test_one_image_does_not_make_one_training_of_three(tmp_path: Path) -> None:
    for sentence in sentences(tmp_path, images=1).values():
        assert NOT_REPEATED not in sentence
        assert "cannot tell" in sentence


def test_a_method_that_did_nothing_is_called_that(tmp_path: Path) -> None:
    for copied in (("dropout",), ("dropout", "simple_align")):
        found = sentences(tmp_path, copied=copied)
        assert all("the method did nothing" in found[method] for method in copied)
        assert not any(NOT_REPEATED in sentence for sentence in found.values())
    assert "did nothing" not in sentences(tmp_path, copied=("dropout",))["simple_align"]
