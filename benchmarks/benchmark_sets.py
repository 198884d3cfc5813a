"""Speed of making the eight degraded sets of a dataset, against the released script's sequence of operations.

The released script (Reflash Dropout, ``dataset/add_degradations.py``) works in one process, blurs and downscales anew
for every set, and writes PNG files with Pillow's defaults. Both sides read the same files and write all eight sets;
the harness also reads every image strictly, hashes it, and writes the cropped HR images and the manifests.

    python benchmarks/benchmark_sets.py --dataset B100 --data-root data
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from harness.datasets.benchmark import generate
from harness.datasets.resolve import data_root, resolve_images
from harness.degradations.fixed import SCALE, STANDARD
from harness.foundation.files import write_json
from harness.foundation.images import crop_to_multiple, read_rgb


def released_sequence(originals: Path, target: Path) -> None:
    """Write the eight sets as the released script does."""
    for path in sorted(originals.iterdir()):
        hr = Image.open(path)
        for name in STANDARD:
            image = hr.copy()
            if "blur" in name:
                image = Image.fromarray(cv2.GaussianBlur(np.array(image), (21, 21), 2))
            image = image.resize((image.width // SCALE, image.height // SCALE), Image.Resampling.BICUBIC)
            if "noise" in name:
                image = _noisy(image)
            if "jpeg" in name:
                stream = io.BytesIO()
                image.save(stream, format="JPEG", quality=50)
                image = Image.open(stream).convert("RGB")
            (target / name).mkdir(exist_ok=True)
            image.save(target / name / f"{path.stem}.png")


def _noisy(image: Image.Image) -> Image.Image:
    values = np.array(image).transpose(2, 0, 1).astype(np.float32) / 255.0
    noise = np.random.normal(0, 20 / 255.0, values.shape)  # noqa: NPY002 (as released: unseeded)
    noisy = np.clip(values + noise, 0, 1).astype(np.float32)
    return Image.fromarray(np.clip(noisy * 255, 0, 255).astype(np.uint8).transpose(1, 2, 0))


def seconds(function: Callable[[Path], object]) -> tuple[float, float]:
    """Return the wall time and the processor time of one call with a fresh folder."""
    with tempfile.TemporaryDirectory() as folder:
        start, used = time.perf_counter(), time.process_time()
        function(Path(folder))
        return time.perf_counter() - start, time.process_time() - used


def main() -> None:
    """Measure, print a table and write the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="B100")
    parser.add_argument("--data-root", default="data")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("results/bench/sets.json"))
    options = parser.parse_args()
    root = data_root(options.data_root)
    with tempfile.TemporaryDirectory() as folder:
        for image in resolve_images(options.dataset, root):  # the released script wants cropped PNG files
            cropped = crop_to_multiple(read_rgb(image.path), SCALE)
            Image.fromarray(cropped).save(Path(folder) / f"{image.name}.png")
        released, harness = [], []
        for _ in range(options.rounds):
            released.append(seconds(lambda target: released_sequence(Path(folder), target)))
            harness.append(seconds(lambda target: generate(options.dataset, STANDARD, target, root, options.jobs)))
    result: dict[str, str | int | float] = {"dataset": options.dataset, "jobs": options.jobs, "rounds": options.rounds}
    for place, kind in enumerate(("wall", "cpu")):
        before = statistics.median(times[place] for times in released)
        after = statistics.median(times[place] for times in harness)
        result |= {f"released_{kind}_s": before, f"harness_{kind}_s": after, f"ratio_{kind}": before / after}
        print(f"{options.dataset}, {kind} time: released {before:.2f} s, harness {after:.2f} s, {before / after:.1f}x")
    write_json(options.output, result)


if __name__ == "__main__":
    main()
