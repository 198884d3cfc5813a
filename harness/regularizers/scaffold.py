"""``python -m harness new-regularizer``: a working regularizer and its rule, for somebody to fill with an idea."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from string import Template

from harness.foundation.errors import HarnessError
from harness.foundation.files import write_text
from harness.foundation.names import check_name
from harness.regularizers import HELPERS

_TEMPLATE = Path(__file__).parent / "regularizer.py.txt"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_RULE = Template("""use rule train_run as train_$name with:
    wildcard_constraints:
        variant=experiment.variant_pattern("$regularizer"),
""")
_NOT_CODE = {"configs", "workflow", "results", "reports", "tests", "docs", "data"}


@dataclass(frozen=True)
class Written:
    """A new regularizer.

    Attributes:
        regularizer: what names it: its file's name in the harness, an import path in a project.
        module, rule: the two files.
    """

    regularizer: str
    module: Path
    rule: Path


def new_regularizer(name: str, root: Path, taken: Collection[str] = ()) -> Written:
    """Write ``harness/regularizers/<name>.py`` and ``workflow/regularizers/<name>.smk`` into the harness.

    The conformance tests find the class by themselves, and an experiment can name ``<name>`` as a variant at once.

    Args:
        name: lower case, digits and underscores.
        root: the repository.
        taken: names of variants, which mean something already.

    Raises:
        HarnessError: the name cannot be used, or one of the files is there already.
    """
    _check(name, taken)
    module = root / "harness" / "regularizers" / f"{name}.py"
    return _write(name, Written(name, module, root / "workflow" / "regularizers" / f"{name}.smk"))


def new_regularizer_of_project(name: str, root: Path, package: str | None, taken: Collection[str] = ()) -> Written:
    """Write ``<package>/<name>.py`` and its rule into a project, outside the harness.

    Args:
        name: lower case, digits and underscores.
        root: the project's folder, which has a folder ``configs``.
        package: of the project's code, a folder in ``root``; None takes the only one, and the folder itself where there
            is none.
        taken: names of variants, which mean something already.

    Raises:
        HarnessError: the name or package cannot be used, or one of the files is there already.
    """
    _check(name, taken)
    package = _only_package(root) if package is None else package
    if package and not all(part.isidentifier() for part in package.split(".")):
        raise HarnessError(f"new-regularizer: --package {package!r}: write it as Python imports it, such as ideas")
    module = ".".join(filter(None, [package, name]))
    regularizer = f"{module}:{_class_name(name)}"
    rule = root / "workflow" / "regularizers" / f"{re.sub(r'[^a-zA-Z0-9]+', '_', regularizer)}.smk"
    return _write(name, Written(regularizer, root.joinpath(*module.split(".")).with_suffix(".py"), rule))


def _check(name: str, taken: Collection[str]) -> None:
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or name in HELPERS:
        raise HarnessError(f"new-regularizer: name {name!r}: use lower-case letters, digits and _, such as my_dropout")
    check_name(name, "regularizer", "new-regularizer: name")
    if name in taken:
        raise HarnessError(f"new-regularizer: name {name!r}: a variant is called so; choose another name")


def _write(name: str, new: Written) -> Written:
    for path in (new.module, new.rule):
        if path.exists():
            raise HarnessError(f"{path}: is there already; choose another name, or remove the file")
    words = {
        "name": name,
        "regularizer": new.regularizer,
        "class_name": _class_name(name),
        "title": name.replace("_", " ").capitalize(),
    }
    template = Template(_TEMPLATE.read_text(encoding="utf-8"))
    write_text(new.module, template.substitute(words))
    write_text(new.rule, _RULE.substitute(words))
    return new


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _only_package(root: Path) -> str:
    """Return the package in a project's folder, "" if there is none."""
    found = sorted(path.parent.name for path in root.glob("*/__init__.py"))
    packages = [name for name in found if name.isidentifier() and name not in _NOT_CODE]
    if len(packages) > 1:
        raise HarnessError(f"new-regularizer: several packages here: {', '.join(packages)}; choose one by --package")
    return packages[0] if packages else ""
