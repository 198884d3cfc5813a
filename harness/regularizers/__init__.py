"""Regularizers: one class in one file each, found by the file's name. Importing this imports no torch.

Every file of this folder that is not a helper is a regularizer, whose name is the file's. A regularizer outside the
repository is named by import path, ``package.module:Class``, or by an entry point of its package:

    [project.entry-points."harness.regularizers"]
    my_method = "my_package.my_module:MyMethod"

A regularizer of one's own imports what it needs from here and from nowhere else in the harness: :class:`Regularizer`,
:class:`OptionsModel`, :class:`Search` and :class:`Choice`, :data:`DrawsSource` and :class:`Draws`, :data:`TeacherRun`
and :class:`Teacher`, :class:`Taps` and :func:`per_channel`, :func:`mean_over_processes`, :class:`HarnessError`. Where a
name lives behind this page may change. A training loop of one's own takes ``harness.regularizers.library``.
"""

from __future__ import annotations

import importlib
import inspect
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.foundation.errors import HarnessError
from harness.foundation.own_code import source_files
from harness.foundation.rng import Draws
from harness.foundation.yamlfile import validate
from harness.regularizers.base import (
    DrawsSource,
    NoOptions,
    OptionsModel,
    Regularizer,
    TeacherRun,
    global_batch,
    mean_over_processes,
    needed_roles,
    process_count,
    teacher_option,
)
from harness.regularizers.batch import Batch
from harness.regularizers.search import Choice, Search, Space, space_of
from harness.spec import RegularizerSpec

if TYPE_CHECKING:
    from harness.networks.taps import Handles, Taps, per_channel
    from harness.networks.teacher import Teacher

__all__ = [
    "Batch",
    "Choice",
    "Draws",
    "DrawsSource",
    "Handles",
    "HarnessError",
    "NoOptions",
    "OptionsModel",
    "Regularizer",
    "Search",
    "Taps",
    "Teacher",
    "TeacherRun",
    "available",
    "build_regularizer",
    "global_batch",
    "load_regularizer",
    "mean_over_processes",
    "per_channel",
    "process_count",
]

ENTRY_POINTS = "harness.regularizers"
"""The group under which other packages offer regularizers."""

NO_TEACHER = "none"
"""What stands in a spec for the name of a teacher that the options do not need."""

_NEED_TORCH = {"Handles": "taps", "Taps": "taps", "per_channel": "taps", "Teacher": "teacher"}
"""Names of this page that live in a module of ``harness.networks`` which imports torch: fetched when asked for."""

_FOLDER = Path(__file__).parent
HELPERS = frozenset({"attached", "base", "batch", "conformance", "library", "scaffold", "search"})
"""Files of this folder that are no regularizers; nor are those whose name starts with an underscore."""


def __getattr__(name: str) -> Any:
    if name not in _NEED_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"harness.networks.{_NEED_TORCH[name]}"), name)


def available() -> list[str]:
    """Return the names of the regularizers in this folder, sorted."""
    names = (path.stem for path in _FOLDER.glob("*.py"))
    return sorted(name for name in names if name not in HELPERS and not name.startswith("_"))


def source_of(name: str) -> list[Path]:
    """Return the files of a regularizer: its own, and those of what it imports of the user's own."""
    return source_files([_import_path(name)])


def offered() -> dict[str, str]:
    """Return the regularizers that installed packages offer as entry points: name to import path."""
    return {point.name: point.value for point in entry_points(group=ENTRY_POINTS)}


def load_regularizer(name: str) -> type[Regularizer]:
    """Return a regularizer's class.

    Args:
        name: a file in this folder, without ``.py``; an entry point; or ``package.module:Class``.

    Raises:
        HarnessError: there is none, or its file cannot be imported.
    """
    module_name, colon, class_name = _import_path(name).partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise HarnessError(f"regularizer {name!r}: module {module_name!r} cannot be imported ({error})") from error
    except HarnessError as error:  # of a search space
        raise HarnessError(f"regularizer {name!r}: module {module_name!r}: {error}") from error
    classes = {k: v for k, v in vars(module).items() if inspect.isclass(v) and issubclass(v, Regularizer)}
    if not colon:
        classes = {k: v for k, v in classes.items() if v.__module__ == module_name}
        if len(classes) == 1:
            return next(iter(classes.values()))
        raise HarnessError(f"regularizer {name!r}: {module.__file__} must define one class, not {len(classes)}")
    if class_name not in classes:
        there = ", ".join(sorted(classes)) or "none"
        raise HarnessError(f"regularizer {name!r}: no regularizer {class_name!r} there; there are: {there}")
    return classes[class_name]


def _import_path(name: str) -> str:
    if ":" in name:
        return name
    if name in available():
        return f"{__name__}.{name}"
    foreign = offered()
    if name in foreign:
        return foreign[name]
    choices = ", ".join([*available(), *sorted(foreign)])
    raise HarnessError(f"regularizer {name!r}: unknown; allowed: {choices}, or an import path package.module:Class")


def resolve_options(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Check options and complete them with the defaults.

    Returns:
        Every option, as JSON would hold it: the ``options`` of a ``RegularizerSpec``.

    Raises:
        HarnessError: unknown regularizer or option, or a wrong value; the message lists the known options.
    """
    checked = validate(options, load_regularizer(name).Options, f"regularizer {name}", "options")
    return checked.model_dump(mode="json")


def search_space(name: str) -> Space:
    """Return where tuning looks for better options of a regularizer; empty if its options say nothing of it.

    Raises:
        HarnessError: unknown regularizer, or a search space that its options do not allow; the message names the file.
    """
    try:
        return space_of(load_regularizer(name).Options)
    except HarnessError as error:
        raise HarnessError(f"{inspect.getfile(load_regularizer(name))}: {error}") from error


def build_regularizer(spec: RegularizerSpec) -> Regularizer:
    """Make the regularizer that ``spec`` describes, attached to nothing yet.

    Raises:
        HarnessError: as :func:`resolve_options`.
    """
    regularizer = load_regularizer(spec.regularizer)
    return regularizer(validate(spec.options, regularizer.Options, f"regularizer {spec.regularizer}", "options"))


def teacher_of(spec: RegularizerSpec) -> tuple[str, str] | None:
    """Return the option that names a teacher, and what it names; None where none is needed."""
    option = teacher_option(load_regularizer(spec.regularizer).Options)
    if option is None or not build_regularizer(spec).uses_teacher:
        return None
    return option, str(spec.options[option])


def without_unused_teacher(spec: RegularizerSpec) -> RegularizerSpec:
    """Return the regularizer without the name of a teacher that its options do not need."""
    option = teacher_option(load_regularizer(spec.regularizer).Options)
    if option is None or build_regularizer(spec).uses_teacher:
        return spec
    return spec.model_copy(update={"options": {**spec.options, option: NO_TEACHER}})


def roles(spec: RegularizerSpec) -> frozenset[str] | None:
    """Return the roles of taps that the regularizer needs with its options; None stands for all but attention."""
    return needed_roles(build_regularizer(spec))


def views(name: str, options: dict[str, Any]) -> int:
    """Return how many degraded views of each ground truth the regularizer wants to see in a step."""
    return build_regularizer(RegularizerSpec(regularizer=name, options=options)).views


def least_iterations(name: str, options: dict[str, Any]) -> int:
    """Return the number of iterations below which the regularizer's steps of annealing would fall together."""
    return build_regularizer(RegularizerSpec(regularizer=name, options=options)).least_iterations


def least_ground_truths(name: str, options: dict[str, Any]) -> int:
    """Return the number of ground truths in a batch below which the regularizer would do nothing."""
    return build_regularizer(RegularizerSpec(regularizer=name, options=options)).least_ground_truths


def uses_degradation(name: str) -> bool:
    """Return whether the regularizer asks what each image underwent."""
    return load_regularizer(name).uses_degradation


def graph_safe(name: str) -> bool:
    """Return whether the regularizer says that its step can be captured in a CUDA graph."""
    return load_regularizer(name).graph_safe


def compile_safe(name: str) -> bool:
    """Return whether the regularizer's hooks can be compiled with the network, as they can unless it says not."""
    return load_regularizer(name).compile_safe
