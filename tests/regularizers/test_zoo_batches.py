"""The zoo's changes of a batch, each against its formula written out pixel by pixel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.foundation.errors import HarnessError
from harness.networks.build import build_network
from harness.networks.teacher import Teacher
from harness.regularizers import Batch
from tests.regularizers.helpers import NETWORKS, SEED, Attached, images

SIDE, SCALE, COUNT = 8, 4, 4


def batch(lr: int = SIDE, scale: int = SCALE) -> Batch:
    return Batch(images(COUNT, lr, 1), images(COUNT, lr * scale, 2))


def numbers(attached: Attached, stream: str) -> np.random.Generator:
    return attached.draws.batch(stream)


def drawn(attached: Attached, stream: str, ratio: float = 0.7) -> tuple[float, int, int, int, bool, list[int]]:
    """(v, top, left, side, inside, partners) as documented: beta, normal, four uniform numbers, a permutation."""
    generator = numbers(attached, stream)
    weight = generator.beta(1.2, 1.2)
    side = int(np.floor(SIDE * min(1.0, ratio + 0.01 * generator.standard_normal())))
    top, left, inside, _ = generator.random(4)
    order = generator.permutation(COUNT).tolist() if stream != "cutblur" else []
    places = [int(np.floor(place * (SIDE - side + 1))) for place in (top, left)]
    return weight, places[0], places[1], side, bool(inside > 0.5), order


def in_square(row: int, column: int, scale: int, top: int, left: int, side: int) -> bool:
    return top <= row // scale < top + side and left <= column // scale < left + side


def pasted(own: Tensor, theirs: Tensor, scale: int, top: int, left: int, side: int, inside: bool = True) -> Tensor:
    expected = own.clone()
    for row in range(own.shape[2]):
        for column in range(own.shape[3]):
            if in_square(row, column, scale, top, left, side) == inside:
                expected[:, :, row, column] = theirs[:, :, row, column]
    return expected


@pytest.mark.parametrize("iteration", [1, 2, 3])
def test_mixup(iteration: int) -> None:
    attached, given = Attached("mixup"), batch()
    attached.at(iteration)
    made = attached.regularizer.batch(given)
    weight, *_, order = drawn(attached, "mixup")
    for image in range(COUNT):
        for name in ("lr", "target"):
            own, partner = getattr(given, name)[image], getattr(given, name)[order[image]]
            torch.testing.assert_close(getattr(made, name)[image], weight * own + (1 - weight) * partner)


@pytest.mark.parametrize("mixup", [False, True])
@pytest.mark.parametrize("iteration", [1, 2, 3, 4])
def test_cutmix_and_cutmixup(iteration: int, mixup: bool) -> None:
    attached, given = Attached("cutmix", mixup=mixup), batch()
    attached.at(iteration)
    made = attached.regularizer.batch(given)
    weight, top, left, side, inside, order = drawn(attached, "cutmix")
    assert 5 <= side <= 6
    for name, scale in (("lr", 1), ("target", SCALE)):
        own = getattr(given, name)
        theirs = weight * own + (1 - weight) * own[order] if mixup else own[order]
        expected = pasted(own, theirs, scale, top, left, side, inside or not mixup)
        torch.testing.assert_close(getattr(made, name), expected)


@pytest.mark.parametrize("iteration", [1, 2, 3, 4])
def test_cutblur_at_one_size(iteration: int) -> None:
    attached, given = Attached("cutblur", "srresnet_x1_small"), batch(scale=1)
    attached.at(iteration)
    made = attached.regularizer.batch(given)
    _, top, left, side, inside, _ = drawn(attached, "cutblur")
    assert torch.equal(made.lr, pasted(given.lr, given.target, 1, top, left, side, inside))
    assert torch.equal(made.target, given.target)


def test_cutblur_with_enlargement_is_a_variant_of_its_own() -> None:
    with pytest.raises(HarnessError, match="the network enlarges by 4; use paste: downscaled"):
        Attached("cutblur")
    attached, given = Attached("cutblur", paste="downscaled"), batch()
    attached.at(2)
    _, top, left, side, inside, _ = drawn(attached, "cutblur")
    small = torch.nn.functional.interpolate(given.target, size=(SIDE, SIDE), mode="bicubic", antialias=True)
    expected = pasted(given.lr, small.clamp(0, 1), 1, top, left, side, inside)
    assert torch.equal(attached.regularizer.batch(given).lr, expected)


def test_a_probability_leaves_steps_alone() -> None:
    attached, given, untouched = Attached("mixup", probability=0.5), batch(), 0
    for iteration in range(1, 41):
        attached.at(iteration)
        untouched += torch.equal(attached.regularizer.batch(given).lr, given.lr)
    assert 10 <= untouched <= 30


def test_cutout_drops_pixels_of_the_input_and_their_places_of_the_loss() -> None:
    attached, given = Attached("cutout", rate=0.2), batch()
    attached.at(3)
    made = attached.regularizer.batch(given)
    output, total, dropped = images(COUNT, SIDE * SCALE, 5), 0.0, 0
    for image in range(COUNT):
        field = torch.rand(1, SIDE, SIDE, generator=attached.draws.bulk("cutout", image))[0]
        for row in range(SIDE * SCALE):
            for column in range(SIDE * SCALE):
                kept = bool(field[row // SCALE, column // SCALE] >= 0.2)
                difference = output[image, :, row, column] - given.target[image, :, row, column]
                total += float(difference.abs().sum()) * kept
        for row in range(SIDE):
            for column in range(SIDE):
                kept = bool(field[row, column] >= 0.2)
                dropped += not kept
                assert torch.equal(made.lr[image, :, row, column], given.lr[image, :, row, column] * kept)
    assert 20 < dropped < 90
    assert float(attached.regularizer.loss(output, made)) == pytest.approx(total / output.numel(), rel=1e-5)


def test_input_mask_hides_most_pixels_of_all_channels() -> None:
    attached, given = Attached("input_mask"), batch(lr=32)
    attached.at(5)
    made = attached.regularizer.batch(given)
    for image in range(COUNT):
        rate = 0.8 + 0.1 * float(attached.draws.row("input_mask/rate", image).random(dtype=np.float32))
        field = torch.rand(1, 32, 32, generator=attached.draws.bulk("input_mask/pixels", image))
        expected = torch.where(field < rate, torch.tensor(-0.1), given.lr[image])
        assert torch.equal(made.lr[image], expected)
        assert 0.75 < float((made.lr[image] == -0.1).float().mean()) < 0.95
    assert torch.equal(made.target, given.target)


def test_input_mask_after_the_first_convolution_leaves_the_skip() -> None:
    plain = Attached("baseline").at_taps("first", images())[0]
    attached = Attached("input_mask", at="first", fill=0)
    attached.at(1)
    assert attached.regularizer.batch(batch()).lr.min() >= 0
    (masked,) = attached.at_taps("first", images())
    hidden = (masked == 0).all(1)
    assert 0.7 < float(hidden.float().mean()) < 0.97
    assert torch.equal(masked.movedim(1, -1)[~hidden], plain.movedim(1, -1)[~hidden])


def naive_augmentation(name: str, attached: Attached, given: Batch) -> Batch:
    """What each of the seven makes; blend and rgb are moa's own."""
    generator = numbers(attached, "moa")
    generator.integers(7)
    generator.random()
    weight, order = float(generator.uniform(0.6, 1)), generator.permutation(3).tolist()
    if name == "rgb":
        return Batch(given.lr[:, order], given.target[:, order])
    if name == "blend":
        colours = [attached.draws.row("moa/colour", row).random(3, dtype=np.float32) for row in range(COUNT)]
        colour = torch.from_numpy(np.stack(colours))[:, :, None, None]
        return Batch(weight * given.lr + (1 - weight) * colour, weight * given.target + (1 - weight) * colour)
    options: dict[str, dict[str, Any]] = {"cutmixup": {"mixup": True}, "cutblur": {"paste": "downscaled"}}
    other = Attached({"cutmixup": "cutmix"}.get(name, name), **options.get(name, {}))
    other.at(attached.draws.iteration)
    made: Batch = other.regularizer.batch(given)
    return made


def test_moa_is_one_of_seven_in_each_step() -> None:
    names = ("blend", "rgb", "mixup", "cutout", "cutmix", "cutmixup", "cutblur")
    attached, given, seen = Attached("moa"), batch(), list[str]()
    for iteration in range(1, 43):
        attached.at(iteration)
        name = names[int(numbers(attached, "moa").integers(7))]
        expected, made = naive_augmentation(name, attached, given), attached.regularizer.batch(given)
        torch.testing.assert_close((made.lr, made.target), (expected.lr, expected.target), msg=name)
        output = images(COUNT, SIDE * SCALE, 6)
        if name != "cutout":
            assert float(attached.regularizer.loss(output, made)) == float((output - made.target).abs().mean())
        seen.append(name)
    assert set(seen) == set(names)
    assert max(seen.count(name) for name in names) < 15


@pytest.mark.parametrize("unchanged", [False, True])
def test_empirical_centroid_moves_from_the_teachers_image_to_the_real_one(unchanged: bool) -> None:
    spec = NETWORKS["srresnet_small"].network
    attached = Attached("empirical_centroid", end=0.5, input="unchanged" if unchanged else "mixed")
    attached.regularizer.learn_from(Teacher(build_network(spec, SEED + 1), spec.taps))
    given = batch()
    with torch.no_grad():
        taught = build_network(spec, SEED + 1)(given.lr).clamp(0, 1)
    small = torch.nn.functional.interpolate(taught, size=(SIDE, SIDE), mode="bicubic", antialias=True)
    for iteration, share in ((1, 0.02), (25, 0.5), (50, 1.0), (90, 1.0)):
        attached.at(iteration)
        made = attached.regularizer.batch(given)
        torch.testing.assert_close(made.target, (1 - share) * taught + share * given.target)
        expected = given.lr if unchanged else (1 - share) * small + share * given.lr
        torch.testing.assert_close(made.lr, expected)


@pytest.mark.parametrize("mask", ["ring", "random"])
def test_frequency_mask_removes_frequencies_of_half_of_the_images(mask: str) -> None:
    from scipy.fft import dctn, idctn

    attached, clean, masked = Attached("frequency_mask", mask=mask), images(COUNT, 16, 3), 0
    for iteration in range(1, 7):
        attached.at(iteration)
        made = attached.regularizer.clean(clean, attached.draws)
        for image in range(COUNT):
            first, second, coin = attached.draws.row("frequency_mask", image).random(3, dtype=np.float32)
            expected = clean[image].numpy().astype(np.float64)
            if coin < 0.5:
                masked += 1
                rows, columns = np.mgrid[:16, :16]
                distance, diagonal = np.sqrt(rows**2 + columns**2), np.sqrt(2 * 16**2)
                gone = (distance > min(first, second) * diagonal) & (distance < max(first, second) * diagonal)
                if mask == "random":
                    gone = (
                        torch.rand(16, 16, generator=attached.draws.bulk("frequency_mask/coins", image)).numpy() > 0.5
                    )
                channels = [idctn(np.where(gone, 0, dctn(one, norm="ortho")), norm="ortho") for one in expected]
                expected = np.clip(np.stack(channels), 0, 1)
            np.testing.assert_allclose(made[image].numpy(), expected, atol=2e-6)
    assert 6 <= masked <= 18


def test_degradation_weighted_is_a_weighted_mean() -> None:
    attached = Attached("degradation_weighted", sharpness=2.0)
    known = {
        "blur1": torch.tensor([0.0, 1.5, 3.0, 6.0]),
        "resize1": torch.tensor([0.5, 1.0, 1.5, 1.0]),  # says nothing of strength
        "gaussian2": torch.tensor([0.0, 15.0, 30.0, 0.0]),
        "jpeg1": torch.tensor([100.0, 65.0, 30.0, 30.0]),
    }
    strengths = [0.0, 0.5, 1.0, 2 / 3]
    given, output = replace(batch(), degradation=known), images(COUNT, SIDE * SCALE, 4)
    weights = [np.exp(-2.0 * strength) for strength in strengths]
    errors = [float((output[i] - given.target[i]).abs().mean()) for i in range(COUNT)]
    expected = sum(w * e for w, e in zip(weights, errors, strict=True)) / sum(weights)
    assert float(attached.regularizer.loss(output, given)) == pytest.approx(expected, rel=1e-5)
