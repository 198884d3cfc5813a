"""The code blocks of a page of the documentation: the files that it tells its reader to write."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

_BLOCK = re.compile(r"^```(\w+) (\S[^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A code block.

    Attributes:
        language: after the three backticks.
        title: what follows: the path of a file, or a command whose answer the block is.
        text: its lines.
    """

    language: str
    title: str
    text: str


def blocks(page: str, section: str) -> list[Block]:
    """Return the titled code blocks of one section (``##``) of a page in ``docs/``."""
    text = (ROOT / "docs" / page).read_text()
    body = text.split(f"\n## {section}\n", 1)[1].split("\n## ")[0]
    return [Block(*match.groups()) for match in _BLOCK.finditer(body)]


def apply(found: list[Block], root: Path) -> None:
    """Write the files of the blocks; of a YAML block, replace the one line of the file that has its key."""
    for block in found:
        path = root / block.title
        if block.language in ("python", "snakemake"):
            path.write_text(block.text)
        elif block.language == "yaml":
            key = block.text.split(":")[0]
            lines = path.read_text().splitlines(keepends=True)
            (place,) = [number for number, line in enumerate(lines) if line.startswith(f"{key}:")]
            lines[place] = block.text
            path.write_text("".join(lines))
