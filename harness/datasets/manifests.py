r"""Manifests: tab-separated lists of images with their sizes and the SHA-256 of their pixels.

Lines that start with ``#`` are the header (``# key: value`` or free text); the first other line names the columns
``name, width, height, sha256`` and, for originals, ``file``: the path of the image in its public source. After it every
line is an image, whatever its name begins with. Characters that the format gives a meaning to are written as ``\t``,
``\n``, ``\r`` and ``\\``, bytes that are no UTF-8 as ``\x..``: every name comes back as it was.

The index of a dataset is one file that stands for the manifests of several degradations, so that thousands of jobs
depend on it alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import PIL

from harness.foundation import layout
from harness.foundation.errors import HarnessError
from harness.foundation.files import file_sha256, write_text
from harness.foundation.images import Pixels, pixel_sha256
from harness.foundation.names import leaves_folder
from harness.foundation.sums import altered, check, seal_text

MANIFEST = "manifest.tsv"
"""Name of the manifest in a folder of generated images."""

RECIPE = "recipe"
"""The key of a manifest's header that has the hash of a recipe of the project's own."""

NO_RECIPES: Mapping[str, str] = MappingProxyType({})

_INDICES = layout.index_name([], {}).split(".")[0] + ".*.tsv"
_COLUMNS = ("name", "width", "height", "sha256")
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_ESCAPED = re.compile(r"\\(x[0-9a-f]{2}|.)", re.DOTALL)
_NOT_UTF8 = re.compile("[\udc80-\udcff]")  # what a file name's other bytes become in Python


@dataclass(frozen=True)
class Row:
    """One image: its name, its size in pixels, the SHA-256 of its pixels, and the file in its source, if known."""

    name: str
    width: int
    height: int
    sha256: str
    file: str = ""

    @classmethod
    def of(cls, name: str, pixels: Pixels) -> Row:
        """Describe an image of shape (H, W, 3)."""
        return cls(name, pixels.shape[1], pixels.shape[0], pixel_sha256(pixels))


@dataclass(frozen=True)
class Manifest:
    """A list of images by name, and what its header says."""

    header: Mapping[str, str]
    rows: Mapping[str, Row]


def write_manifest(path: str | Path, header: Mapping[str, str], rows: Iterable[Row], sealed: bool = False) -> None:
    """Write a manifest atomically, sorted by name, so that equal content gives equal bytes.

    Args:
        path: the file.
        header: key to value; a key holds no ``": "``.
        rows: one per image, each name once.
        sealed: whether to write its sum beside it, for results; what is committed needs none.
    """
    rows = sorted(rows, key=lambda row: row.name)
    columns = [*_COLUMNS, "file"] if any(row.file for row in rows) else list(_COLUMNS)
    lines = [f"# {escaped(key)}: {escaped(value)}" for key, value in header.items()]
    lines.append("\t".join(columns))
    lines += ["\t".join(escaped(str(getattr(row, column))) for column in columns) for row in rows]
    (seal_text if sealed else write_text)(path, "\n".join(lines) + "\n")


def read_manifest(path: str | Path) -> Manifest:
    """Read a manifest.

    Raises:
        HarnessError: the file is missing, or a line is not of the form; the message names the line.
    """
    try:
        lines = _lines(Path(path))
    except FileNotFoundError as error:
        raise HarnessError(f"{path}: no such manifest") from error
    except (OSError, UnicodeDecodeError) as error:
        raise HarnessError(f"{path}: the manifest cannot be read ({error})") from error
    header: dict[str, str] = {}
    rows: dict[str, Row] = {}
    columns: list[str] = []
    for number, line in enumerate(lines, 1):
        if line.startswith("#") and not columns:
            key, _, value = line[1:].removeprefix(" ").partition(": ")
            header[unescaped(key)] = unescaped(value)
        elif not columns:
            columns = line.split("\t")
        elif line:
            row = _parse(columns, line, f"{path}: line {number}")
            if row.name in rows:
                raise HarnessError(f"{path}: line {number}: {row.name!r} is listed twice")
            rows[row.name] = row
    if not rows:
        raise HarnessError(f"{path}: the manifest lists no images")
    return Manifest(header, rows)


def difference(pixels: Pixels, row: Row) -> str | None:
    """Say how an image differs from its row, or return None if it is the same."""
    height, width = pixels.shape[:2]
    if (width, height) != (row.width, row.height):
        return f"{width} x {height} pixels instead of {row.width} x {row.height}"
    return None if pixel_sha256(pixels) == row.sha256 else f"other pixels, read with Pillow {PIL.__version__}"


def write_index(
    folder: Path, degradations: Iterable[str], folders: Iterable[str], recipes: Mapping[str, str] = NO_RECIPES
) -> Path:
    """Write the index of a dataset: one line per manifest, the folder's name and the manifest's SHA-256.

    A third column has the hash of the recipe of a degradation that the project defines. Indices that other experiments
    asked for are brought up to date as well, or removed where a manifest is missing or means another recipe now.

    Args:
        folder: of the dataset's degraded versions.
        degradations: those that name the index.
        folders: those of its manifests.
        recipes: of degradations that the project defines, whose hashes their manifests name.
    """
    path = folder / layout.index_name(list(degradations), recipes)
    seal_text(path, _index_lines(folder, sorted(folders)))
    for other in folder.glob(_INDICES):
        listed = {} if altered(other) else _read_index(other)
        if not listed or any(_recipe(folder, name) != recipe for name, (_, recipe) in listed.items()):
            other.unlink()
        elif other.read_text(encoding="utf-8") != _index_lines(folder, list(listed)):
            seal_text(other, _index_lines(folder, list(listed)))
    return path


def check_index(folder: Path, degradations: Sequence[str], recipes: Mapping[str, str] = NO_RECIPES) -> None:
    """Raise an error if the index of a dataset, where there is one, or a manifest is not what was written.

    Raises:
        HarnessError: one line that names the file, with the command that makes it again.
    """
    for name, wanted in recipes.items():
        manifest = folder / name / MANIFEST
        if name in degradations and manifest.is_file() and _recipe(folder, name) != wanted:
            raise HarnessError(f"{manifest}: made by another recipe than {name!r} has now; {layout.remedy(manifest)}")
    path = folder / layout.index_name(degradations, recipes)
    if not path.is_file():
        return
    check(path)
    for name, (wanted, _) in _read_index(path).items():
        manifest = folder / name / MANIFEST
        check(manifest)
        if manifest.is_file() and file_sha256(manifest) != wanted:
            raise HarnessError(f"{manifest}: not the manifest that {path.name} means; {layout.remedy(manifest)}")


def escaped(text: str) -> str:
    """Return ``text`` without the characters that the format gives a meaning to; see :func:`unescaped`."""
    plain = "".join(_ESCAPES.get(character, character) for character in text)
    return _NOT_UTF8.sub(lambda match: f"\\x{ord(match[0]) - 0xDC00:02x}", plain)


def unescaped(text: str) -> str:
    """Return what :func:`escaped` was given; a backslash before anything else is left as it is."""
    meanings = {written[1]: character for character, written in _ESCAPES.items()}

    def meaning(match: re.Match[str]) -> str:
        code = match[1]
        return chr(0xDC00 + int(code[1:], 16)) if len(code) == 3 else meanings.get(code, match[0])

    return _ESCAPED.sub(meaning, text)


def _parse(columns: list[str], line: str, place: str) -> Row:
    cells = dict(zip(columns, map(unescaped, line.split("\t")), strict=False))
    try:
        row = Row(cells["name"], int(cells["width"]), int(cells["height"]), cells["sha256"], cells.get("file", ""))
    except (KeyError, ValueError) as error:
        raise HarnessError(f"{place}: not a manifest line with {', '.join(_COLUMNS)}: {line[:60]!r}") from error
    if leaves_folder(row.name):
        raise HarnessError(f"{place}: {row.name!r} leads out of the folder of the images")
    if len(row.sha256) != 64:
        raise HarnessError(f"{place}: {row.sha256!r} is no SHA-256")
    return row


def _index_lines(folder: Path, names: list[str]) -> str:
    def line(name: str) -> str:
        cells = (escaped(name), file_sha256(folder / name / MANIFEST), _recipe(folder, name) or "")
        return "\t".join(filter(None, cells))

    return "".join(f"{line(name)}\n" for name in names)


def _recipe(folder: Path, name: str) -> str | None:
    """Return the hash of the recipe that a manifest names, "" if it names none, None if there is no manifest."""
    path = folder / name / MANIFEST
    if not path.is_file():
        return None
    found = re.search(rf"^# {RECIPE}: ([0-9a-f]{{64}})$".encode(), path.read_bytes(), re.MULTILINE)
    return found[1].decode() if found else ""


def _read_index(path: Path) -> dict[str, tuple[str, str]]:
    """Return folder to SHA-256 of its manifest and hash of its recipe, or ""; empty if the file is no index."""
    try:
        cells = [(*line.split("\t"), "")[:3] for line in _lines(path) if line]
        return {unescaped(name): (digest, recipe) for name, digest, recipe in cells}
    except (UnicodeDecodeError, ValueError):
        return {}


def _lines(path: Path) -> list[str]:
    """Return the lines of a file; only a line feed, with or without a carriage return, ends one."""
    return [line.removesuffix("\r") for line in path.read_bytes().decode().split("\n")]
