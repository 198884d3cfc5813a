"""What every regularizer must keep, its own or foreign, checked on small networks in seconds.

:func:`check` is ``python -m harness conformance`` for a class at hand, :class:`Trial` one step at a time.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.regularizers.conformance.checks import check
    from harness.regularizers.conformance.trial import Trial

__all__ = ["Trial", "check"]

_HOMES = {"check": "checks", "Trial": "trial"}
"""Names of this page and their modules, which import torch: fetched when asked for."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
