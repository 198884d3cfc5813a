"""BibTeX, read strictly: a mistake in a bibliography is found here, not by LaTeX on the evening before a deadline."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.foundation.errors import HarnessError

_HEAD = re.compile(r"@(\w+)\s*\{\s*([^\s,{}@%\\#~]+)\s*,")
_FIELD = re.compile(r"\s*([A-Za-z][\w-]*)\s*=\s*")
_NUMBER = re.compile(r"\d+")
_BETWEEN = re.compile(r"(?:\s+|%[^\n]*)*")
_WRAPPER = textwrap.TextWrapper(
    110, initial_indent="  ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
)
_ACCENT = re.compile(r"\{?\\([\"'`^~vc])\s*\{?([A-Za-z])\}?\}?")
_COMBINING = {'"': "\u0308", "'": "\u0301", "`": "\u0300", "^": "\u0302", "~": "\u0303", "v": "\u030c", "c": "\u0327"}


@dataclass(frozen=True)
class Entry:
    """One entry of a bibliography.

    Attributes:
        kind: ``article``, ``inproceedings``, ``misc``, ...; lower case.
        key: what a text cites it by.
        fields: name in lower case to value, without the outer braces, on one line.
    """

    kind: str
    key: str
    fields: Mapping[str, str]

    def bibtex(self) -> str:
        """Return the entry as BibTeX, ending with a newline."""
        lines = [f"{name} = {{{value}}}," for name, value in self.fields.items()]
        return "\n".join([f"@{self.kind}{{{self.key},", *map(_WRAPPER.fill, lines), "}"]) + "\n"

    def text(self) -> str:
        """Return the entry as one sentence of plain text."""
        told = {name: plain(value) for name, value in self.fields.items()}
        where = [told.get("booktitle") or told.get("journal") or told.get("publisher"), told.get("year")]
        if "pages" in told:
            where.append(f"pages {told['pages']}" if "-" in self.fields["pages"] else f"page {told['pages']}")
        if "eprint" in told:
            where.append(f"{told.get('archiveprefix', 'eprint')} {told['eprint']}")
        where += [told.get("howpublished"), told.get("url"), told.get("note")]
        parts = [_people(self.fields.get("author", "")), told.get("title"), ", ".join(filter(None, where))]
        return ". ".join(part.rstrip(".") for part in parts if part) + "."


def load_bibliography(path: Path) -> dict[str, Entry]:
    """Read a file of BibTeX; see :func:`parse`.

    Raises:
        HarnessError: it cannot be read, or as :func:`parse`.
    """
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise HarnessError(f"{path}: cannot be read ({error}); write BibTeX in UTF-8") from error


def parse(text: str, source: str) -> dict[str, Entry]:
    """Return the entries of a bibliography by key, in their order.

    Between entries only comments may stand, lines that begin with %. Values are in braces or quotes, or a number;
    ``@string`` and ``#`` are not known.

    Raises:
        HarnessError: one line with ``source``, line and what is wrong.
    """
    found: dict[str, Entry] = {}
    place = _skip(text, 0)
    while place < len(text):
        head = _HEAD.match(text, place)
        if head is None:
            raise _mistake(text, place, source, "begin an entry as @article{key, or a comment with %")
        entry, place = _entry(text, head, source)
        if entry.key in found:
            raise _mistake(text, head.start(), source, f"{entry.key!r} is given twice; delete one, or rename it")
        found[entry.key] = entry
        place = _skip(text, place)
    return found


def plain(value: str) -> str:
    """Return a value without its TeX: accents as letters, quotes and dashes as such, no braces."""
    value = re.sub(r"\\url\{([^{}]*)\}", r"\1", value)
    value = _ACCENT.sub(lambda found: unicodedata.normalize("NFC", found[2] + _COMBINING[found[1]]), value)
    value = value.replace("``", "\u201c").replace("''", "\u201d").replace("--", "\u2013").replace("\\&", "&")
    return value.replace("{", "").replace("}", "")


def _people(authors: str) -> str:
    """Return authors as they are spoken: first names first, with commas."""
    names = []
    for author in filter(None, re.split(r"\s+and\s+", authors)):
        last, _, first = author.partition(", ")
        names.append("et al." if author == "others" else plain(f"{first} {last}".strip()))
    return ", ".join(names)


def _skip(text: str, place: int) -> int:
    found = _BETWEEN.match(text, place)
    return found.end() if found else place


def _entry(text: str, head: re.Match[str], source: str) -> tuple[Entry, int]:
    """Return the entry that begins at ``head``, and where it ends."""
    fields: dict[str, str] = {}
    place = head.end()
    while not text.startswith("}", place := place + len(text[place:]) - len(text[place:].lstrip())):
        field = _FIELD.match(text, place)
        if place == len(text):
            raise _mistake(text, place, source, f"{head[2]}: its closing brace is missing")
        if field is None:
            raise _mistake(text, place, source, f"{head[2]}: write fields as name = {{value}}, with a comma after each")
        name = field[1].lower()
        if name in fields:
            raise _mistake(text, place, source, f"{head[2]}: {name} is given twice; delete one")
        value, place = _value(text, field.end(), source, f"{head[2]}: {name}")
        fields[name] = " ".join(value.split())
        place += len(text[place:]) - len(text[place:].lstrip())
        if text.startswith(",", place):
            place += 1
        elif place < len(text) and text[place] != "}":
            raise _mistake(text, place, source, f"{head[2]}: a comma is missing after {name}")
    return Entry(head[1].lower(), head[2], fields), place + 1


def _value(text: str, place: int, source: str, what: str) -> tuple[str, int]:
    """Return the value at a place without its braces or quotes, and where it ends."""
    if number := _NUMBER.match(text, place):
        return number[0], number.end()
    opening = text[place : place + 1]
    if opening not in ("{", '"'):
        raise _mistake(text, place, source, f"{what}: put the value in braces")
    depth = 0
    for end in range(place + 1, len(text)):
        letter = text[end]
        if letter == ("}" if opening == "{" else '"') and depth == 0:
            if not text[place + 1 : end].strip():
                raise _mistake(text, place, source, f"{what}: is empty; give a value, or delete the field")
            return text[place + 1 : end], end + 1
        depth += (letter == "{") - (letter == "}")
        if depth < 0:
            break
    raise _mistake(text, place, source, f"{what}: its braces do not balance")


def _mistake(text: str, place: int, source: str, problem: str) -> HarnessError:
    return HarnessError(f"{source}: line {text.count(chr(10), 0, place) + 1}: {problem}")
