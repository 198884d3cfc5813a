"""Training images on the training device (``placement: device``): crops are cut there, nothing is copied per step."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from harness.datasets.patches import Pack, Weighing, draw_windows
from harness.foundation.errors import HarnessError
from harness.foundation.rng import Draws

Windows = tuple[npt.NDArray[np.int64], ...]
"""What :func:`harness.datasets.patches.draw_windows` returns."""


class ResidentPack:
    """A pack whose pixels lie on a device, as uint8: 6.6 GB for DIV2K.

    Args:
        pack: the images on the host.
        crop: side of the windows in pixels; smaller images are continued once, as :meth:`Pack.crops` does.
        device: where to keep them.

    Raises:
        HarnessError: the device is too small.
    """

    def __init__(self, pack: Pack, crop: int, device: str) -> None:
        self._pack = pack
        self._crop = crop
        self._check_room(device)
        self._images = [torch.from_numpy(self._continued(index)).to(device) for index in range(len(pack))]

    def windows(self, draws: Draws, horizontal_flip: bool, weighing: Weighing = "photographs") -> Windows:
        """Return the places of the crops of one step, drawn on the host."""
        return draw_windows(self._pack, self._crop, draws, horizontal_flip, weighing)

    def crops(self, windows: Windows) -> Tensor:
        """Return the crops at the places, as ``sample_crops`` gives them: (N, crop, crop, 3) uint8 on the device."""
        crop, cuts = self._crop, []
        for pick, top, left, flip in zip(*(column.tolist() for column in windows), strict=True):
            cut = self._images[pick][top : top + crop, left : left + crop]
            cuts.append(cut.flip(1) if flip else cut)
        return torch.stack(cuts)

    def _continued(self, index: int) -> np.ndarray:
        height, width = self._pack.size(index)
        if min(height, width) >= self._crop:
            return self._pack.image(index).copy()
        rows, columns = max(self._crop - height, 0), max(self._crop - width, 0)
        return np.pad(self._pack.image(index), ((0, rows), (0, columns), (0, 0)), mode="reflect")

    def _check_room(self, device: str) -> None:
        if not device.startswith("cuda"):
            return
        free, needed = torch.cuda.mem_get_info(device)[0], self._pack.info.size
        if needed > 0.8 * free:
            raise HarnessError(
                f"training.placement: device: {self._pack.info.dataset} takes {needed / 1e9:.1f} GB, but the GPU has "
                f"{free / 1e9:.1f} GB free and training needs some of it; use placement: host"
            )
