"""Writes docs/bad-inputs.md from the cases that the tests run.

python -m tools.bad_inputs
"""

from __future__ import annotations

from pathlib import Path

from tests.bad_inputs import CASES, SECTIONS
from tests.bad_inputs.case import Case

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = "docs/bad-inputs.md"
INTRODUCTION = """\
# Bad inputs

Whatever is handed to the harness by mistake gets one line that names the file and the field and says what to do, and
no finished file changes; what only looks bad is read correctly. This page is written by `python -m tools.bad_inputs`
from the {count} cases in `tests/bad_inputs/`, which the tests run through the real command line, comparing every file
before and after. `...` stands for what differs from machine to machine. Errors end with status 2; where a line begins
with `works:`, the status is 0. Servers that fail while a data set is fetched have a table in
[Datasets](datasets.md).
"""


def row(case: Case) -> str:
    """Return the table's row of one case."""
    command = case.command if isinstance(case.command, str) else " ".join(case.command)
    answer = "<br>".join(f"`{_plain(line)}`" for line in case.answer.splitlines())
    return f"| {_plain(case.given)} | `{command}` | {'works: ' if case.legitimate else ''}{answer} |"


def document() -> str:
    """Return the whole page."""
    parts = [INTRODUCTION.format(count=len(CASES))]
    for heading, cases in SECTIONS.items():
        parts.append(
            f"## {heading}\n\n| input | where | what happens |\n|---|---|---|\n" + "\n".join(map(row, cases)) + "\n"
        )
    return "\n".join(parts)


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("`", "'").replace("\t", "\\t")


def main() -> None:
    """Write the page."""
    (ROOT / DOCUMENT).write_text(document(), encoding="utf-8")


if __name__ == "__main__":
    main()
