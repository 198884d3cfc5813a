"""All ways of bringing parameters to a device give the same tensors."""

from __future__ import annotations

import numpy as np
import torch

from harness.degradations.parameters import draw_parameters
from harness.degradations.spec import SecondOrderSpec
from harness.degradations.upload import flatten, pack, upload
from harness.foundation.rng import Draws

PARAMETERS = draw_parameters(SecondOrderSpec(), Draws(0, 0, 0, range(6)))


def test_shapes_and_values() -> None:
    tensors = upload(PARAMETERS)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    assert tensors["blur1"].shape == (6, 21, 21)
    assert tensors["strength2"].shape == (6, 1, 1, 1)
    np.testing.assert_allclose(tensors["gray1"].flatten().numpy(), PARAMETERS.first.gray)
    assert tensors["jpeg1"].shape == (6,)


def test_order_lists_flagged_images_first() -> None:
    order = upload(PARAMETERS)["gaussian1"].long().numpy()
    count = PARAMETERS.first.gaussian.sum()
    assert PARAMETERS.first.gaussian[order[:count]].all()
    assert not PARAMETERS.first.gaussian[order[count:]].any()
    assert sorted(order.tolist()) == list(range(6))


def test_one_packed_copy_gives_the_same() -> None:
    arrays = flatten(PARAMETERS)
    packed = pack(arrays, pinned=False).to(torch.device("cpu"))
    for name, tensor in upload(PARAMETERS).items():
        assert torch.equal(packed[name], tensor), name
