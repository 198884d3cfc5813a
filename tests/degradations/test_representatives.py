"""Representative degradations: what describes an image, what is chosen, and what a benchmark makes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from harness.commands.app import app
from harness.datasets.resolve import resolve_images
from harness.degradations import fixed, representatives
from harness.degradations.drawn import Drawn, degrade_as_drawn
from harness.degradations.representatives import RepresentativeSet, choose, expanded, features
from harness.degradations.spec import SecondOrderSpec
from harness.foundation.errors import HarnessError
from harness.foundation.images import Pixels
from harness.foundation.rng import numpy_stream

SPEC = SecondOrderSpec()
WHOLE = resolve_images("embedded_heldout", ".")[0].read()[200:344, 180:340]


def a_set(**changes: object) -> str:
    found = RepresentativeSet(
        degradation="second_order",
        spec=SPEC,
        scale=4,
        seed=3,
        samples=40,
        photograph="x/y",
        draws=(7, 2),
        shares=(0.75, 0.25),
    )
    return yaml.safe_dump(found.model_dump(mode="json") | changes)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "configs" / "representatives").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "configs" / "representatives"


def as_drawn(draw: int, *key: str) -> Pixels:
    return degrade_as_drawn(WHOLE, Drawn(spec=SPEC, scale=4, seed=0, draw=draw), 4, *key)


def test_a_draw_is_one_degradation_for_all_images_but_their_noise() -> None:
    assert as_drawn(0).shape == (36, 40, 3)
    np.testing.assert_array_equal(as_drawn(0, "a"), as_drawn(0, "a"))
    noise = np.abs(as_drawn(0, "a").astype(int) - as_drawn(0, "b"))
    assert noise.max() > 0, "each image has noise of its own"
    assert np.abs(as_drawn(0, "a").astype(int) - as_drawn(1, "a")).mean() > noise.mean()


def test_features_tell_blur_noise_and_jpeg_from_each_other() -> None:
    plain = fixed.bicubic_downscale(WHOLE, 4)
    blurred = fixed.bicubic_downscale(fixed.blur(WHOLE, 4.0), 4)
    noisy = fixed.add_noise(plain, numpy_stream("n").standard_normal(plain.shape), 20.0)
    pressed = fixed.jpeg(plain, 10)
    of = {name: features(image) for name, image in (("b", blurred), ("n", noisy), ("j", pressed), ("p", plain))}
    assert of["p"].shape == (34,)
    assert (of["b"] - of["p"])[8:16].max() < 0, "blur takes high frequencies away"
    assert (of["n"] - of["p"])[8:16].min() > 0, "noise adds them"
    assert (of["j"] - of["p"])[-2:].min() > 0.3, "JPEG steps at the borders of its blocks"


def test_every_planted_group_is_represented_by_its_middle() -> None:
    stream = numpy_stream("groups")
    centres = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    sizes = (30, 20, 10)
    rows = np.concatenate(
        [centre + stream.normal(0, 0.5, (size, 2)) for centre, size in zip(centres, sizes, strict=True)]
    )
    rows[[3, 35, 55]] = centres  # exactly in the middle
    chosen, shares = choose(rows, 3, seed=0)
    assert shares == pytest.approx((0.5, 1 / 3, 1 / 6))
    for row, centre in zip(chosen, centres, strict=True):
        assert np.linalg.norm(rows[row] - centre) < 0.5
    assert choose(rows, 3, seed=0) == (chosen, shares)


def test_what_cannot_be_grouped_is_refused() -> None:
    with pytest.raises(HarnessError, match="--samples: 4: must be at least --count, 5"):
        choose(np.zeros((4, 2)), 5, 0)
    with pytest.raises(HarnessError, match="--count: 5: all draws give 1 different images only"):
        choose(np.zeros((9, 2)), 5, 0)


def test_a_set_unfolds_to_its_degradations(project: Path) -> None:
    (project / "space.yaml").write_text(a_set())
    assert expanded(("clean", "space")) == ("clean", "space_000", "space_001")
    made = fixed.degrade_all(WHOLE, fixed.select(["space_001"]), 4, "v", "set", "image")
    expected = degrade_as_drawn(WHOLE, Drawn(spec=SPEC, scale=4, seed=3, draw=2), 4, "v", "set", "image", "space_001")
    np.testing.assert_array_equal(made["space_001"], expected)
    with pytest.raises(HarnessError, match="set/image/space_000: these representatives are for scale 4, not 2"):
        fixed.degrade_all(WHOLE, fixed.select(["space_000"]), 2, "v", "set", "image")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("space", a_set(draws=[7, 7]), r"space\.yaml: draws, shares: must be as many, and each draw once"),
        ("space", a_set(scale=0), r"space\.yaml: scale: "),
        ("blur", a_set(), r"configs/representatives/blur\.yaml: 'blur': a degradation is called so"),
        ("a b", a_set(), "use letters, digits"),
    ],
)
def test_wrong_files_are_named(project: Path, name: str, text: str, message: str) -> None:
    (project / f"{name}.yaml").write_text(text)
    with pytest.raises(HarnessError, match=message):
        fixed.recipes()


def test_recipes_of_before_keep_their_stamps() -> None:
    assert "drawn" not in fixed.RECIPES["blur"].model_dump()


def command(*arguments: object) -> str:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False).output


def test_the_command_chooses_and_a_benchmark_of_it_is_locked(project: Path) -> None:
    experiment = project.parent / "mine.yaml"
    source = yaml.safe_load((representatives.ROOT / "configs" / "experiments" / "demo.yaml").read_text())
    del source["analysis"]  # which compares two degradations or more

    def write(degradation: str) -> None:
        evaluation = {**source["evaluation"], "datasets": ["embedded_heldout"], "degradations": [degradation]}
        experiment.write_text(yaml.safe_dump({**source, "evaluation": evaluation}))

    write("clean")
    said = command("representatives", experiment, "mine", "--count", "2", "--samples", "6")
    assert "mine.yaml: 2 of 6 draws" in said
    found = yaml.safe_load((project / "mine.yaml").read_text())
    assert len(found["draws"]) == 2
    assert found["degradation"] == source["training"]["degradation"]
    with pytest.raises(HarnessError, match=r"mine\.yaml: 'mine' is there already"):
        command("representatives", experiment, "mine")

    write("mine")
    lock = Path("configs/manifests") / fixed.VERSION / "embedded_heldout.mine_001.tsv"
    assert f"{lock}: written; commit it" in command("benchmark", experiment, "embedded_heldout", "--lock")
    assert "no lock file" not in command("benchmark", experiment, "embedded_heldout")
    lock.write_text(lock.read_text()[:-8] + "0000000\n")
    with pytest.raises(HarnessError, match=r"embedded_heldout/mine_001: 1 of 3 images differ"):
        command("benchmark", experiment, "embedded_heldout")
