"""What is to be seen of a regularizer's class alone: its options, its imports, the names of its members."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from difflib import get_close_matches

from harness.foundation.errors import HarnessError
from harness.foundation.yamlfile import StrictModel, validate
from harness.regularizers.base import Regularizer

_MEMBERS = {name for name in dir(Regularizer) if not name.startswith("_")} | {"options"}
_ALIKE = 0.8  # of 1: penalti and penalty are 0.86


def _options_are_typed(regularizer: type[Regularizer]) -> Iterator[str]:
    options = regularizer.Options
    if not issubclass(options, StrictModel):
        yield "Options must inherit from harness.regularizers.OptionsModel, so that unknown options are errors"
        return
    required = [name for name, field in options.model_fields.items() if field.is_required()]
    if required:
        yield f"Options: {', '.join(required)} must have a default, so that the name alone is a complete variant"
        return
    try:
        validate({"no_such_option": 1}, options, regularizer.__name__, "options")
    except HarnessError:
        pass
    else:
        yield "Options accepts an unknown option; do not change model_config of OptionsModel"
    if validate(options().model_dump(mode="json"), options, regularizer.__name__) != options():
        yield "Options changes when written as JSON and read again; use numbers, text, booleans and tuples of them"


def _imports_no_torch(regularizer: type[Regularizer]) -> Iterator[str]:
    source = (
        f"import sys; sys.path[:0] = {sys.path!r}; import {regularizer.__module__}; sys.exit('torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    if result.returncode and not result.stderr:
        yield "its module imports torch at the top, which slows every start of Snakemake; import it inside functions"


def _members_are_known(regularizer: type[Regularizer]) -> Iterator[str]:
    """Nothing calls a member of another name than the step knows: a misspelt one does nothing, without a word."""
    own = {name: value for base in regularizer.__mro__ if _is_own(base) for name, value in vars(base).items()}
    for name in sorted(own):
        if name in _MEMBERS:
            expected = inspect.getattr_static(Regularizer, name, None)
            if isinstance(expected, property) and inspect.isfunction(own[name]):
                yield f"{name} must be a property: write @property above it, or an attribute of the class"
        elif not name.startswith("_"):
            near = get_close_matches(name.lower(), sorted(_MEMBERS), n=1, cutoff=_ALIKE)
            if near:
                yield f"{name}: no step calls a member of this name; is {near[0]} meant? If not, begin it with _"


def _is_own(base: type) -> bool:
    return issubclass(base, Regularizer) and base is not Regularizer


CLASS_CHECKS: tuple[Callable[[type[Regularizer]], Iterator[str]], ...] = (
    _options_are_typed,
    _imports_no_torch,
    _members_are_known,
)
"""Each yields problems, with what to do about them."""
