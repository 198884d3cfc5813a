"""What a change repeats: exactly what depends on it."""

from __future__ import annotations

import pytest

from tests.workflow.conftest import DEMO, Checkout

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

REPORTING = {"aggregate": 1, "tables": 1, "figures": 1, "report": 1, "all": 1}
EVALUATION = {"evaluate_reference": 1, "evaluate_run": 2, **REPORTING}
TRAINING = {"train_baseline": 1, "train_dropout": 1}


def test_one_more_seed_adds_its_jobs_only(finished: Checkout) -> None:
    finished.replace(DEMO, "seeds: [0]", "seeds: [0, 1]")
    assert finished.planned() == {**TRAINING, "evaluate_run": 2, **REPORTING}


def test_one_more_variant_adds_its_jobs_only(finished: Checkout) -> None:
    finished.replace(DEMO, "[baseline, dropout]", "[baseline, dropout, dropout_q10]")
    assert finished.planned() == {"train_dropout": 1, "evaluate_run": 1, **REPORTING}


def test_another_metric_repeats_evaluation_and_no_training(finished: Checkout) -> None:
    finished.replace(DEMO, "[psnr_rgb, psnr_y]", "[psnr_rgb, ssim_y]")
    assert finished.planned() == EVALUATION


def test_one_more_degradation_makes_its_images_and_no_training(finished: Checkout) -> None:
    finished.replace(DEMO, "[clean, blur", "[clean, jpeg, blur")
    assert finished.planned() == {"benchmark": 1, **EVALUATION}


def test_another_learning_rate_trains_all_anew(finished: Checkout) -> None:
    finished.replace(DEMO, "0.001", "0.002")
    assert finished.planned() == {**TRAINING, "evaluate_run": 2, **REPORTING}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("harness/evaluation/metrics.py", EVALUATION),
        ("harness/regularizers/dropout.py", {"train_dropout": 1, "evaluate_run": 1, **REPORTING}),
        ("harness/training/step.py", {**TRAINING, "evaluate_run": 2, **REPORTING}),
        ("harness/degradations/fixed.py", {"benchmark": 1, **EVALUATION}),
        ("harness/reporting/tables/write.py", REPORTING),
        ("harness/workflow/doctor/machine.py", {}),
        ("configs/manifests/embedded_test.tsv", {"benchmark": 1, **EVALUATION}),
    ],
)
def test_changed_code_repeats_its_stage_and_what_follows(
    finished: Checkout, path: str, expected: dict[str, int]
) -> None:
    finished.append(path, "# changed")
    assert finished.planned() == expected


def test_a_dataset_described_otherwise_is_degraded_anew(finished: Checkout) -> None:
    finished.replace("configs/datasets.yaml", "images: 4\n  crop: 256", "images: 4\n  crop: 128")
    assert finished.planned() == {"benchmark": 1, **EVALUATION}


def test_what_was_repeated_counts_as_done(finished: Checkout) -> None:
    finished.append("harness/reporting/tables/write.py", "# changed")
    call = finished.snakemake("tables", "--cores", "2", "--configfile", DEMO)
    assert call.status == 0, call.text
    assert finished.planned("tables") == {}
