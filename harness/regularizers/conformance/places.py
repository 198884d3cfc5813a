"""Where in the user's file something is: what editors and terminals open with a click."""

from __future__ import annotations

import inspect
import traceback
from pathlib import Path

from harness.regularizers.base import Regularizer


def of_class(regularizer: type[Regularizer]) -> str:
    """Return ``path/file.py:line: Class``; the class's module and name where its source is not to be had."""
    try:
        path, (_, line) = inspect.getsourcefile(regularizer), inspect.getsourcelines(regularizer)
    except (OSError, TypeError):
        path = None
    if path is None:
        return f"{regularizer.__module__}:{regularizer.__qualname__}"
    return f"{_short(path)}:{line}: {regularizer.__qualname__}"


def of_error(regularizer: type[Regularizer], error: BaseException) -> str:
    """Return the last line of the class's file that an error passed through, as ``file.py:line in name``, or ``""``."""
    try:
        own = inspect.getsourcefile(regularizer)
    except TypeError:
        return ""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if own and _same(frame.filename, own)]
    return f"{_short(frames[-1].filename)}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""


def told(regularizer: type[Regularizer], error: BaseException) -> str:
    """Return an error as one line: its type, its words, where it was raised."""
    words, place = " ".join(str(error).split())[:300], of_error(regularizer, error)
    return f"raised {type(error).__name__}: {words}" + (f" ({place})" if place else "")


def _short(path: str) -> str:
    full = Path(path).absolute()
    return str(full.relative_to(Path.cwd()) if full.is_relative_to(Path.cwd()) else full)


def _same(one: str, other: str) -> bool:
    return Path(one).absolute() == Path(other).absolute()
