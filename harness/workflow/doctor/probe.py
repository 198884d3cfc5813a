"""``python -m harness.workflow.doctor.probe`` imports what the harness stands on and asks for GPUs: JSON, line by line.

A process of its own, because a broken library may end it, and because nothing here may keep a GPU busy.
"""

from __future__ import annotations

import importlib
import json
import warnings
from typing import Any

import harness.foundation.compat  # noqa: F401

MODULES = (
    "torch",
    "torchvision",
    "basicsr",
    "pyiqa",
    "timm",
    "cv2",
    "skimage",
    "sklearn",
    "pyarrow",
    "matplotlib",
    "safetensors.torch",
    "snakemake.api",
)
"""What is imported, in this order. basicsr and torchvision come through :mod:`harness.foundation.compat`, which
repairs them."""


def attempt(name: str) -> str | None:
    """Import a module; return None, or in one line why it cannot be imported."""
    try:
        importlib.import_module(name)
    except Exception as error:  # a broken library raises anything
        return " ".join(str(error).split()) or type(error).__name__
    return None


def cuda() -> dict[str, Any]:
    """Return the CUDA version that torch was built for, if any, and the names of the GPUs that it can use."""
    import torch

    usable = torch.cuda.is_available()
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())] if usable else []
    return {"build": torch.version.cuda, "gpus": names, "bf16": bool(usable and torch.cuda.is_bf16_supported())}


def main() -> None:
    """Print ``{"module": ..., "begin": true}`` and then the outcome for each module; at last ``{"cuda": ...}``."""
    warnings.simplefilter("ignore")
    for name in MODULES:
        print(json.dumps({"module": name, "begin": True}), flush=True)
        print(json.dumps({"module": name, "error": attempt(name)}), flush=True)
    print(json.dumps({"cuda": cuda()}), flush=True)


if __name__ == "__main__":
    main()
