"""Makes basicsr, pyiqa and torchvision importable; import this module before any of them.

Two things are cured, both only when torchvision is really imported, so that importing this module is free:

1. basicsr 1.4.2 imports ``torchvision.transforms.functional_tensor``, which torchvision 0.17 removed. The one function
   it takes from there, ``rgb_to_grayscale``, lives on in ``torchvision.transforms.functional``.
2. Beside a CPU build of torch, a torchvision linked against CUDA cannot load its C++ library, and importing it dies
   with "operator torchvision::nms does not exist". Python only decorates two operators of that library at import;
   declaring their schemas is enough, because its models, transforms and utilities call none of them.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

_TORCHVISION = "torchvision"
_REMOVED = "torchvision.transforms.functional_tensor"
_DECORATED = ("nms", "qnms")  # operators that torchvision registers fake kernels for at import


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Steps in front of the regular finders for two module names and leaves all others alone."""

    def __init__(self) -> None:
        self._library: Any = None  # a torch.library.Library; its declarations end with the object
        self._prepared = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Declare torchvision's operators just before its import; offer the removed module if it is missing."""
        if fullname == _TORCHVISION and not self._prepared:
            self._prepared = True
            self._library = _declare_operators()
        elif fullname == _REMOVED:
            real = importlib.machinery.PathFinder.find_spec(fullname, path)
            return real or importlib.util.spec_from_loader(fullname, self)
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Fill the removed module with the function that moved."""
        from torchvision.transforms import functional

        module.__dict__["rgb_to_grayscale"] = functional.rgb_to_grayscale


def _declare_operators() -> Any:
    """Declare the operators torchvision decorates if its own library cannot; return what keeps them alive, or None."""
    spec = importlib.machinery.PathFinder.find_spec(_TORCHVISION)
    if spec is None or not spec.submodule_search_locations:
        return None
    import torch

    for shared_object in sorted(Path(spec.submodule_search_locations[0]).glob("_C*.so")):
        try:
            torch.ops.load_library(str(shared_object))
        except OSError:  # linked against a CUDA runtime that this torch does not bring
            continue
        return None
    library = torch.library.Library(_TORCHVISION, "FRAGMENT")
    for operator in _DECORATED:
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


def _install() -> None:
    if not any(type(finder).__name__ == "_Finder" and type(finder).__module__ == __name__ for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


_install()
