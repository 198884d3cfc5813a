"""Images made of others of the batch: partners and squares, shared by Mixup, CutMix, CutBlur and their like.

Yoo, Ahn and Sohn, "Rethinking Data Augmentation for Image Super-resolution", CVPR 2020, arXiv 2004.00448. As in its
release, one draw serves the whole batch: the partners are a random permutation, squares lie at the same place.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from harness.foundation.rng import Draws
from harness.regularizers._fixed import Shared
from harness.regularizers.base import global_batch, process_count
from harness.regularizers.batch import Batch

_SPREAD = 0.01  # standard deviation of the side of a square, as a part of the image


class Mixing:
    """What the images of a step share: the weight of a mixture, the partners, the place of a square, two coins.

    Args:
        stream: name of the random stream.
        alpha: of the Beta distribution that the weight is drawn from.
        ratio: mean side of the square as a part of the image's.
        probability: that a step mixes at all.
        partners: whether images of others are needed; then all rows of the batch must be there.
    """

    def __init__(
        self, stream: str, alpha: float = 1.2, ratio: float = 0.7, probability: float = 1.0, partners: bool = True
    ) -> None:
        self._stream, self._alpha, self._ratio, self._probability = stream, alpha, ratio, probability
        self._pairs = partners
        self._numbers = Shared(torch.float64)
        self._order = Shared(torch.int64)
        self._rows: list[int] = []

    def draw(self, draws: Draws) -> None:
        """Draw what the coming step needs: the same in every process."""
        generator = draws.batch(self._stream)
        weight = generator.beta(self._alpha, self._alpha)
        ratio = min(1.0, max(0.0, self._ratio + _SPREAD * generator.standard_normal()))
        top, left, inside, used = generator.random(4)
        coins = [float(inside > 0.5), float(used < self._probability)]
        self._numbers.write([weight, ratio, top, left, *coins], draws.device)
        if self._pairs:
            order = generator.permutation(len(draws.rows) * process_count())
            self._rows = list(draws.rows)
            self._order.write(order[self._rows].tolist(), draws.device)

    @property
    def weight(self) -> Tensor:
        """The weight v of an image itself, in [0, 1], a float32 scalar; 1 in a step that does not mix."""
        return torch.where(self.used, self._numbers.tensor[0], 1.0).float()

    @property
    def inside(self) -> Tensor:
        """Whether the change is inside of the square, not outside; a boolean scalar."""
        return self._numbers.tensor[4] > 0

    @property
    def used(self) -> Tensor:
        """Whether this step mixes; a boolean scalar."""
        return self._numbers.tensor[5] > 0

    def partners(self, images: Tensor) -> Tensor:
        """Return the partner of each image, found by its row in the global batch."""
        return global_batch(images, self._rows)[self._order.tensor]

    def square(self, images: Tensor, side: tuple[int, int]) -> Tensor:
        """Return where the square is, boolean (1, 1, H, W).

        Args:
            images: (N, C, H, W).
            side: (height, width) of the low-resolution images: the square lies on their pixels.
        """
        _, ratio, top, left, *_ = self._numbers.tensor
        axes = []
        for length, pixels, place in zip(images.shape[2:], side, (top, left), strict=True):
            extent = (pixels * ratio).floor().clamp(1, max(1, pixels - 1))  # neither nothing nor the whole image
            first = (place * (pixels - extent + 1)).floor()
            number = torch.arange(length, device=images.device) // (length // pixels)
            axes.append((number >= first) & (number < first + extent))
        return axes[0][None, None, :, None] & axes[1][None, None, None, :]

    def blended(self, batch: Batch) -> Batch:
        """Return ``v x + (1 - v) x'`` with x' the partner, of inputs and targets alike."""
        lr, target = (one.lerp(self.partners(one), 1 - self.weight) for one in (batch.lr, batch.target))
        return replace(batch, lr=lr, target=target)

    def pasted(self, batch: Batch, other: Batch, inside: Tensor | None = None) -> Batch:
        """Return the batch with the square, or all but the square, taken from another one."""
        side = (batch.lr.shape[2], batch.lr.shape[3])
        lr = self.paste(batch.lr, other.lr, side, inside)
        return replace(batch, lr=lr, target=self.paste(batch.target, other.target, side, inside))

    def paste(self, own: Tensor, theirs: Tensor, side: tuple[int, int], inside: Tensor | None = None) -> Tensor:
        """Return images (N, C, H, W) with the square taken from others; all but the square where not ``inside``."""
        square = self.square(own, side)
        chosen = square if inside is None else torch.where(inside, square, ~square)
        return torch.where(chosen & self.used, theirs, own)
