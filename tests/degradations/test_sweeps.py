"""Sweeps: their strengths, their names, and that they stay out of what the fixed degradations are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.degradations.fixed import RECIPES, Recipe, add_noise, degrade_all, gaussian_noise, recipes, select
from harness.degradations.sweeps import SWEEPS, swept
from harness.foundation.errors import HarnessError
from harness.foundation.images import Pixels
from harness.foundation.rng import numpy_stream

KEY = ("v", "set", "image")


def photograph() -> Pixels:
    small = numpy_stream("sweeps").integers(0, 256, (8, 12, 3), np.uint8)
    return np.asarray(Image.fromarray(small).resize((96, 64), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("name", ["blur", "noise", "jpeg"])
def test_a_stronger_degradation_lies_further_from_the_clean_image(name: str) -> None:
    hr = photograph()
    clean = degrade_all(hr, {"clean": Recipe()}, 4, *KEY)["clean"].astype(float)
    made = degrade_all(hr, select(swept([name])), 4, *KEY)
    far = [float(np.square(pixels - clean).mean()) for pixels in made.values()]
    assert far == sorted(far)
    assert far[-1] > 10
    assert name == "jpeg" or far[0] == 0


def test_the_strengths_are_those_of_the_plain_operations() -> None:
    hr = photograph()
    made = degrade_all(hr, select(["noise_sweep_20", "kernel_sweep_area", "kernel_sweep_bicubic"]), 4, *KEY)
    clean = degrade_all(hr, {"clean": Recipe()}, 4, *KEY)["clean"]
    noise = gaussian_noise(clean.shape, *KEY, "noise_sweep_20")
    assert np.array_equal(made["noise_sweep_20"], add_noise(clean, noise, 20, "nearest"))
    squares = hr.reshape(16, 4, 24, 4, 3).astype(float).mean((1, 3))
    assert np.abs(made["kernel_sweep_area"] - squares).max() <= 1.0  # each pass rounds
    assert np.array_equal(made["kernel_sweep_bicubic"], clean)


def test_sweeps_have_names_of_their_own() -> None:
    names = swept(SWEEPS)
    assert len(set(names)) == len(names)
    assert "blur_sweep_0_5" in names
    assert not set(names) & {*recipes(), *RECIPES}


def test_a_project_gives_no_strength_another_meaning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "degradations.yaml").write_text("benchmark: {blur_sweep_1: {jpeg: 10}}\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HarnessError, match=r"'blur_sweep_1': the harness has another entry of that name"):
        select(["blur_sweep_1"])
