"""``python -m harness new-regularizer``: a working regularizer and its rule, for somebody to fill with an idea."""

from __future__ import annotations

import keyword
import re
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
        variant=experiment.variant_pattern("$name"),
""")


def new_regularizer(name: str, root: Path) -> list[Path]:
    """Write ``harness/regularizers/<name>.py`` and ``workflow/regularizers/<name>.smk``.

    The conformance tests find the class by themselves, and an experiment can name ``<name>`` as a variant at once.

    Args:
        name: lower case, digits and underscores.
        root: the repository.

    Raises:
        HarnessError: the name cannot be used, or one of the files is there already.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or name in HELPERS:
        raise HarnessError(f"new-regularizer: name {name!r}: use lower-case letters, digits and _, such as my_dropout")
    check_name(name, "regularizer", "new-regularizer: name")
    targets = {
        root / "harness" / "regularizers" / f"{name}.py": Template(_TEMPLATE.read_text(encoding="utf-8")),
        root / "workflow" / "regularizers" / f"{name}.smk": _RULE,
    }
    for path in targets:
        if path.exists():
            raise HarnessError(f"{path}: is there already; choose another name, or remove the file")
    words = {
        "name": name,
        "class_name": "".join(part.capitalize() for part in name.split("_")),
        "title": name.replace("_", " ").capitalize(),
    }
    for path, template in targets.items():
        write_text(path, template.substitute(words))
    return list(targets)
