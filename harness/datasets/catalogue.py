"""The dataset catalogue: what each dataset is, where it comes from, and how it lies below the data folder."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from harness.foundation.errors import HarnessError
from harness.foundation.names import check_distinct, image_name_problem, leaves_folder
from harness.foundation.places import expanded
from harness.foundation.project import ROOT, own_file, with_own
from harness.foundation.yamlfile import StrictModel, load_mapping

CONFIGS = ROOT / "configs"
"""The folder of catalogues and manifests that comes with the harness."""

MANIFESTS = CONFIGS / "manifests"
"""Pixel manifests of originals, and below it, by benchmark version, the lock files of degraded images."""

Kind = Literal["benchmark", "training", "real_paired", "real_unpaired", "embedded", "folder", "degraded"]


class Source(StrictModel):
    """One public place of a dataset.

    Attributes:
        url: an archive (zip, tar, tar.gz, ...), or, if it contains ``{file}``, one address per image of the manifest.
        root: folder inside the archive that corresponds to the dataset's folder; ``*`` matches one path component.
        keep: glob patterns below ``root`` of the members to unpack.
        sha256, md5: of the archive, where public material states it.
        size: of the archive in bytes, where known.
    """

    url: str = Field(pattern=r"^https?://")
    root: str = ""
    keep: tuple[str, ...] = ("*",)
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    md5: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$")
    size: int | None = Field(default=None, gt=0)


class PublishedLines(StrictModel):
    """Published lines of a set that comes degraded: what its degradations allow, and networks that were measured there.

    Attributes:
        folder: below ``configs/published``; ``lines.csv`` and ``models.csv`` in it have a row for each degradation.
        source: where they are published.
    """

    folder: str = Field(pattern=r"^[\w-]+$")
    source: str = Field(min_length=1)

    @property
    def lines(self) -> Path:
        """The file of the acceptance line and the excellence line."""
        return self._file("lines.csv")

    @property
    def models(self) -> Path:
        """The file of the published networks."""
        return self._file("models.csv")

    def _file(self, name: str) -> Path:
        place = f"configs/published/{self.folder}/{name}"
        return own_file(place) or ROOT / place


class DatasetEntry(StrictModel):
    """One dataset.

    Attributes:
        kind: ``benchmark`` (degraded by the harness), ``degraded`` (comes in degraded versions), ``training``,
            ``real_paired`` (LR photographs with HR), ``real_unpaired`` (LR photographs without HR), ``embedded``
            (photographs inside installed packages), or ``folder`` (any photographs the user puts there, for training).
        images: how many there must be (pairs count once). An entry without a number is the user's own: it has
            whatever lies in its folder.
        folder: where they lie, below the data folder; the user's own may lie anywhere, ``~`` is the home folder.
        pattern: paths of the images below ``folder`` without their suffix: ``{name}`` is the image's name, ``*``
            anything within one path component.
        low: the same for the LR image of a pair, or, with ``{degradation}``, for those of a set that comes degraded.
        degradations: how many versions a set comes in that comes degraded; they are called ``deg_0``, ``deg_1``, ...
        lines: what is published of a set that comes degraded; see ``docs/systematic.md``.
        files: name to ``package:path`` of embedded photographs.
        crop: side in pixels of the centre crop taken of every image, where the dataset says so.
        manifest: pixel manifest below ``configs/manifests``, without suffix.
        sources: public places, best first.
        manual: how to get the images where no address serves them directly.
        licence: under which terms the images may be used.
    """

    kind: Kind
    images: int | None = Field(default=None, gt=0)
    folder: str = ""
    pattern: str = "{name}"
    low: str | None = None
    degradations: int | None = Field(default=None, gt=0)
    lines: PublishedLines | None = None
    files: dict[str, str] = {}
    crop: int | None = Field(default=None, gt=0)
    manifest: str | None = None
    sources: tuple[Source, ...] = ()
    manual: str | None = None
    licence: str

    @field_validator("folder")
    @classmethod
    def _at_home(cls, folder: str) -> str:
        try:
            return str(expanded(folder, "folder")) if folder else folder
        except HarnessError as error:
            raise ValueError(str(error)) from error

    @model_validator(mode="after")
    def _check(self) -> DatasetEntry:
        if (self.kind == "embedded") != bool(self.files):
            raise ValueError("files: required for embedded photographs, and only for them")
        if self.kind == "embedded" and self.images != len(self.files):
            raise ValueError(f"images {self.images}: but {len(self.files)} files are listed")
        if self.kind != "embedded" and not self.folder:
            raise ValueError("folder: required, the place below the data folder")
        if self.images is None and (self.sources or self.manual or self.manifest):
            raise ValueError("images: required, the number of images; only photographs of your own go without")
        if (self.kind in ("real_paired", "degraded")) != (self.low is not None):
            raise ValueError("low: required for real_paired and degraded, and only there")
        if (self.kind == "degraded") != (self.degradations is not None):
            raise ValueError("degradations: required for degraded, and only there")
        if self.lines is not None and self.kind != "degraded":
            raise ValueError("lines: only for degraded, whose images are those that the lines were measured on")
        if self.degradations and (self.manifest is None or (self.low or "").count("{degradation}") != 1):
            raise ValueError("manifest, low: degraded needs a manifest, and {degradation} once in low")
        for field, pattern in (("pattern", self.pattern), ("low", self.low)):
            if pattern is not None and pattern.count("{name}") != 1:
                raise ValueError(f"{field} {pattern!r}: must contain {{name}} once")
            if pattern is not None and leaves_folder(pattern):
                raise ValueError(f"{field} {pattern!r}: must lie below the data set's folder")
        for name in self.files:
            if problem := image_name_problem(name):
                raise ValueError(f"files: {name!a}: the name {problem}; rename it")
        if self.manifest is not None and leaves_folder(self.manifest):
            raise ValueError(f"manifest {self.manifest!r}: must lie below configs/manifests")
        if (Path(self.folder).is_absolute() and not self.own) or ".." in Path(self.folder).parts:
            raise ValueError(f"folder {self.folder!r}: must lie below the data folder")
        return self

    @property
    def own(self) -> bool:
        """Whether these are the user's own photographs: as many as there are, from nowhere, checked by nothing."""
        return self.images is None

    @property
    def versions(self) -> tuple[str, ...]:
        """The degradations that the set comes in, if any."""
        return tuple(f"deg_{index}" for index in range(self.degradations or 0))

    def low_pattern(self, degradation: str) -> str:
        """Return the paths of the images of one of ``versions``, as ``low`` has them."""
        return (self.low or "").replace("{degradation}", degradation)

    @property
    def manifest_path(self) -> Path | None:
        """The pixel manifest, if the dataset has one."""
        if self.manifest is None:
            return None
        return own_file(f"configs/manifests/{self.manifest}.tsv") or MANIFESTS / f"{self.manifest}.tsv"


def load_catalogue(path: str | Path | None = None) -> dict[str, DatasetEntry]:
    """Read a dataset catalogue, by default the one that comes with the harness: name to entry.

    A file beside it, ``datasets.local.yaml``, adds entries of the user's own.

    Raises:
        HarnessError: a file is missing or wrong, one line per mistake with file, field and value; or a local entry
            has the name of another one.
    """
    return _load(Path(path)).copy() if path else _entries()


def find_entry(name: str) -> DatasetEntry:
    """Return the catalogue's entry called ``name``.

    Raises:
        HarnessError: there is none; the message lists those that exist.
    """
    entries = _entries()
    if name not in entries:
        raise HarnessError(f"configs/datasets.yaml: no dataset {name!r}; there are: {', '.join(entries)}")
    return entries[name]


def _entries() -> dict[str, DatasetEntry]:
    return with_own(_load(CONFIGS / "datasets.yaml"), "datasets.yaml", lambda path: _load(path.resolve()))


@lru_cache(maxsize=4)
def _load(path: Path) -> dict[str, DatasetEntry]:
    entries = load_mapping(path, DatasetEntry, "data set")
    local = path.with_suffix(".local.yaml")
    own = load_mapping(local, DatasetEntry, "data set") if local.is_file() else {}
    for name in own:
        if name in entries:
            raise HarnessError(f"{local}: {name}: the name of an entry of {path.name} already; choose another one")
    check_distinct((*entries, *own), f"entry of {path.name}", str(local))
    return entries | own
