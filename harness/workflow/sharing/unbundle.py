"""Read a bundle: everything is checked before anything is written, and nothing that differs is overwritten."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import tempfile
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from harness.foundation.errors import HarnessError
from harness.foundation.files import existing, explain_os_errors, file_sha256, write_bytes
from harness.foundation.sums import sealed_path, sum_path
from harness.foundation.writable import check_folder
from harness.networks.weights import read_metadata
from harness.spec import RunSpec
from harness.workflow.sharing import manifest
from harness.workflow.sharing.manifest import Manifest

_EXPANSION = 200  # times: CSV and Parquet compress less; a file that grows more is a bomb
_ALLOWANCE = 10_000_000  # bytes that any bundle may grow to
_CHUNK = 1 << 20  # bytes
_DIGITS = 12  # of a signature that prove enough


@dataclass
class Imported:
    """What an import did.

    Attributes:
        experiment: the experiment's file, written out, as it now lies beside its rows.
        signature: of the bundle.
        written, equal: files that are new, and files that were there already.
    """

    experiment: Path
    signature: str
    written: list[Path] = field(default_factory=list)
    equal: int = 0


def unbundle(bundle: Path, into: Path, expected: str | None = None) -> Imported:
    """Check a bundle and put its results into a results folder.

    Args:
        bundle: the zip file.
        into: the results folder; files there that are equal are left, files that differ end the import.
        expected: the signature that the author published, all of it or its first twelve digits or more.

    Raises:
        HarnessError: the bundle is not what its manifest says, leads elsewhere, or contradicts results that are there.
            Nothing was written then.
    """
    if expected is not None and len(expected) < _DIGITS:
        raise HarnessError(f"{bundle}: --signature {expected}: too short to tell; give {_DIGITS} digits or more")
    try:
        with zipfile.ZipFile(bundle) as archive:
            content = _manifest(archive, bundle)
            found = manifest.signature(content)
            if expected is not None and not found.startswith(expected.lower()):
                raise HarnessError(f"{bundle}: signature {found}, not {expected}; these are other results: ask again")
            listed = manifest.read_manifest(content, str(bundle))
            _check_members(archive, listed, bundle)
            check_folder(into)
            with explain_os_errors(into), tempfile.TemporaryDirectory(prefix=".import-", dir=existing(into)) as place:
                _extract(archive, listed, Path(place), bundle)
                _check_runs(listed, Path(place), bundle)
                return _install(listed, Path(place), into, bundle, found)
    except OSError as error:
        raise HarnessError(
            f"{bundle}: cannot be read ({error.strerror or error}); name a file that `publish` wrote"
        ) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise HarnessError(f"{bundle}: not a whole zip file ({error}); ask for the bundle again") from error


def _manifest(archive: zipfile.ZipFile, bundle: Path) -> bytes:
    entries = [entry for entry in archive.infolist() if entry.filename == manifest.NAME]
    if len(entries) != 1:
        raise HarnessError(f"{bundle}: {len(entries)} files {manifest.NAME} in it; name what `publish` wrote")
    if entries[0].file_size > manifest.LARGEST:
        raise HarnessError(f"{bundle}: {manifest.NAME}: too large; this bundle is not trusted")
    with archive.open(entries[0]) as stream:
        return stream.read(manifest.LARGEST)


def _check_members(archive: zipfile.ZipFile, listed: Manifest, bundle: Path) -> None:
    """Refuse members that are missing, come twice, are not listed, are no plain files or have another size."""
    entries = [entry for entry in archive.infolist() if entry.filename != manifest.NAME]
    names = [entry.filename for entry in entries]
    for name in {*names} ^ {*listed.members}:
        what = "is listed but missing" if name in listed.members else "is not listed in its manifest"
        raise HarnessError(f"{bundle}: {name!r} {what}; this bundle is not trusted, nothing is imported")
    if len(names) != len({*names}):
        raise HarnessError(f"{bundle}: a member comes twice; this bundle is not trusted, nothing is imported")
    for entry in entries:
        if (kind := stat.S_IFMT(entry.external_attr >> 16)) not in (0, stat.S_IFREG):
            what = "a link" if kind == stat.S_IFLNK else "no plain file"
            raise HarnessError(f"{bundle}: {entry.filename!r} is {what}; nothing is imported")
        if entry.file_size != listed.members[entry.filename].size:
            raise HarnessError(f"{bundle}: {entry.filename!r} has another size than listed; nothing is imported")
    total = sum(entry.file_size for entry in entries)
    if total > _EXPANSION * bundle.stat().st_size + _ALLOWANCE:
        raise HarnessError(f"{bundle}: would grow to {total:,} bytes, as results never do; nothing is imported")


def _extract(archive: zipfile.ZipFile, listed: Manifest, place: Path, bundle: Path) -> None:
    """Write all members below a folder of our own, and compare sizes and hashes on the way."""
    for name, member in listed.members.items():
        target, digest, size = place / name, hashlib.sha256(), 0
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(name) as source, target.open("wb") as stream:
            while size <= member.size and (chunk := source.read(_CHUNK)):
                digest.update(chunk)
                stream.write(chunk)
                size += len(chunk)
        if size != member.size or digest.hexdigest() != member.sha256:
            raise HarnessError(f"{bundle}: {name!r}: not the bytes that are listed; nothing is imported, ask again")


def _check_runs(listed: Manifest, place: Path, bundle: Path) -> None:
    """Refuse a run whose settings do not have the hash that its name ends with, or whose weights are another's."""
    runs = {run: name for name in listed.members if (run := manifest.run_of(name))}
    for name in listed.members:
        parts = name.split("/")
        if parts[:2] in ([manifest.RESULTS, "runs"], [manifest.RESULTS, "analysis"]) and parts[2] not in runs:
            raise HarnessError(f"{bundle}: {name!r}: no run.json of its run; nothing is imported")
    for run, name in runs.items():
        try:
            record = json.loads((place / name).read_text(encoding="utf-8"))
            spec = RunSpec.model_validate_json(json.dumps(record["spec"]))
            hashes = [run.rpartition(".")[2], str(record["spec_hash"])]
        except (ValueError, KeyError, TypeError, ValidationError, RecursionError) as error:
            problem = " ".join(str(error).split())[:100]
            raise HarnessError(f"{bundle}: {name!r}: not a record of a run ({problem}); nothing is imported") from error
        weights = place / name.replace("run.json", "weights.safetensors")
        if weights.is_file():
            hashes.append(read_metadata(weights).get("spec_hash") or "none")
        for one in hashes:
            if len(one) < 8 or not spec.hash.startswith(one):
                problem = f"its settings have the hash {spec.hash[:8]}, but it is called {one}"
                raise HarnessError(f"{bundle}: {name!r}: {problem}; nothing is imported")


def _install(listed: Manifest, place: Path, into: Path, bundle: Path, found: str) -> Imported:
    """Put the results and the experiment's file into the results folder; take back what was put there if that fails."""
    own = f"{manifest.EXPERIMENT}/{listed.experiment}.yaml"
    targets = {
        name: into / name.partition("/")[2] for name in listed.members if name.startswith(f"{manifest.RESULTS}/")
    }
    if own in listed.members:
        targets[own] = into / listed.experiment / f"{listed.experiment}.yaml"
    done = Imported(targets.get(own, into), found)
    new = {}
    for name, target in targets.items():
        if not target.exists():
            new[name] = target
        elif target.is_file() and file_sha256(target) == listed.members[name].sha256:
            done.equal += 1
        else:
            raise HarnessError(f"{target}: differs from {bundle}; nothing is imported: move it away, or use --into")
    try:
        for name, target in new.items():
            done.written.append(target)
            if name == own or name.endswith(f"/{manifest.STAGE}"):
                write_bytes(target, (place / name).read_bytes())
                continue
            with sealed_path(target) as temporary:
                shutil.copyfile(place / name, temporary)
    except BaseException:
        for target in done.written:
            target.unlink(missing_ok=True)
            sum_path(target).unlink(missing_ok=True)
        raise
    return done
