"""Downloading one file over HTTP: resumed where it broke off, retried with growing pauses, checked at the end.

A server is believed in nothing: not in how long to wait, not in how much it sends, not in that it will ever end.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

from tqdm import tqdm

from harness.foundation.errors import HarnessError
from harness.foundation.files import explain_os_errors, write_json

_CHUNK = 1 << 18  # bytes
_PASSING = (408, 425, 429, 500, 502, 503, 504)  # HTTP states that may pass
_USER_AGENT = "sr-regularizer-harness"
_MOST = 50 * 10**9  # bytes of a file of which nobody but the server says the size
_SHOWN = 100  # characters of what a server says


@dataclass(frozen=True)
class Patience:
    """How long to try.

    Attributes:
        attempts: tries in a row without a single new byte before giving up.
        pause: seconds before the second try; each further pause is twice as long, up to a minute.
        stall: seconds without a byte after which a connection counts as dead.
        slowest: bytes a second, over a time of ``stall``, below which it counts as dead, too.
        longest: most seconds that a server may ask to wait; one that asks for more is left alone.
        sleep: how to wait.
    """

    attempts: int = 5
    pause: float = 1.0
    stall: float = 30.0
    slowest: float = 500.0
    longest: float = 300.0
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Expected:
    """What is known about a file beforehand: checksums, in hexadecimal, its size in bytes, or the most that it has."""

    sha256: str | None = None
    md5: str | None = None
    size: int | None = None
    most: int | None = None

    @property
    def limit(self) -> int:
        """The bytes after which there is no need to go on, whatever the server promises."""
        return self.size or self.most or _MOST

    def excess(self, url: str, found: int) -> HarnessError:
        """Return the error for a file of at least ``found`` bytes."""
        wanted = f"{self.limit}" if self.size else f"{self.limit} at most"
        return HarnessError(f"{url}: {found} bytes instead of {wanted}; the file there is not the one that is meant")


class _Passing(Exception):
    """A failure that may pass; ``pause`` is what the server asks to wait, in seconds."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


def download(url: str, target: Path, expected: Expected = Expected(), patience: Patience = Patience()) -> None:
    """Download ``url`` to ``target``.

    What has arrived stays in ``<target>.part`` and is continued by the next try or the next call, if the server allows
    it and the file has not changed there in the meantime.

    Raises:
        HarnessError: the address does not exist, the server fails for too long, the content has another checksum or
            size than expected, asks to wait for too long or sends without end, or the disk is full.
    """
    part = target.with_name(target.name + ".part")
    note = target.with_name(target.name + ".part.json")
    part.parent.mkdir(parents=True, exist_ok=True)
    failures = 0
    while True:
        before = _size(part)
        try:
            with explain_os_errors(part):
                _continue(url, part, note, expected, patience)
            break
        except _Passing as error:
            if error.pause > patience.longest:
                raise HarnessError(f"{url}: {error} and asks to wait {error.pause:,.0f} s; run again later") from error
            arrived = _size(part) - before
            failures = 1 if arrived > patience.slowest * patience.stall else failures + 1
            if failures >= patience.attempts:
                raise HarnessError(f"{url}: {error}, {failures} times in a row; run again later to continue") from error
            patience.sleep(max(error.pause, min(patience.pause * 2 ** (failures - 1), 60.0)))
    problem = mismatch(part, expected)
    if problem:
        part.unlink()
        note.unlink(missing_ok=True)
        raise HarnessError(f"{url}: {problem}; the file there is not the one that is meant")
    part.replace(target)
    note.unlink(missing_ok=True)


def _continue(url: str, part: Path, note: Path, expected: Expected, patience: Patience) -> None:
    """Fetch what is missing of ``part``; return when it is whole."""
    have = _size(part)
    version = _noted(note, url) if have else None
    headers = {"User-Agent": _USER_AGENT, "Accept-Encoding": "identity"}
    if have and version:
        headers |= {"Range": f"bytes={have}-", "If-Range": version}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=patience.stall) as response:
            start = have if response.status == 206 else 0
            if start and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                note.unlink()
                raise _Passing("the server sends another part than the one asked for")
            total = _total(response, start)
            tag = response.headers.get("ETag") or response.headers.get("Last-Modified")
            if tag and not tag.startswith("W/"):
                write_json(note, {"url": url, "version": tag})
            if total is not None and total > expected.limit:
                part.unlink(missing_ok=True)
                note.unlink(missing_ok=True)
                raise expected.excess(url, total)
            _receive(response, part, start, total, expected, patience)
    except urllib.error.HTTPError as error:
        if error.code == 416 and error.headers.get("Content-Range") == f"bytes */{have}":
            return  # everything had arrived before
        with error:
            _http_failure(url, error, note)
    except (TimeoutError, http.client.HTTPException, ConnectionError, ssl.SSLError) as error:
        raise _Passing(f"the connection broke ({type(error).__name__})") from error
    except urllib.error.URLError as error:
        raise _Passing(f"no connection ({error.reason})") from error


def _receive(
    response: http.client.HTTPResponse,
    part: Path,
    start: int,
    total: int | None,
    expected: Expected,
    patience: Patience,
) -> None:
    """Write what comes to ``part``, no more than a little above what is expected."""
    done, seen, since = start, start, time.monotonic()
    title = part.name.removesuffix(".part")
    with (
        open(part, "r+b" if start else "wb") as sink,
        tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=title, leave=False, disable=None) as bar,
    ):
        sink.seek(start)
        sink.truncate()
        while chunk := response.read1(_CHUNK):
            sink.write(chunk)
            done += len(chunk)
            bar.update(len(chunk))
            if done > expected.limit:
                break
            if (now := time.monotonic()) - since > patience.stall:
                if done - seen < patience.slowest * (now - since):
                    raise _Passing(f"the server sends {(done - seen) / (now - since):.0f} bytes a second")
                seen, since = done, now
    if done > expected.limit:
        part.unlink()
        part.with_name(part.name + ".json").unlink(missing_ok=True)
        raise expected.excess(response.url, done)
    if total is not None and done < total:
        raise _Passing(f"the connection broke after {done} of {total} bytes")


def _http_failure(url: str, error: urllib.error.HTTPError, note: Path) -> None:
    """Decide what an HTTP error means; always raises."""
    if error.code == 416:  # what is here does not fit the file there: start anew
        note.unlink(missing_ok=True)
        raise _Passing("the file there has changed") from error
    reason = " ".join(str(error.reason).split())[:_SHOWN]  # of endless redirections it has several lines
    if error.code in _PASSING:
        pause = _seconds(error.headers.get("Retry-After", ""))
        raise _Passing(f"the server says {error.code} {reason}", pause) from error
    raise HarnessError(f"{url}: the server says {error.code} {reason}") from error


def _seconds(asked: str) -> float:
    """Return the seconds of a ``Retry-After`` header, a number or a date (RFC 9110, section 10.2.3); 0 for nonsense."""
    if asked.isascii() and asked.strip().isdecimal():  # a superscript two is a digit, but no number
        return float(asked)
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


def _total(response: http.client.HTTPResponse, start: int) -> int | None:
    return None if response.length is None else start + response.length


def _noted(note: Path, url: str) -> str | None:
    """Return the version of the file that the part belongs to, if it came from the same address."""
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return str(content["version"]) if content.get("url") == url and content.get("version") else None


def mismatch(part: Path, expected: Expected) -> str | None:
    """Say how a file differs from what is known about it, or return None."""
    if expected.size is not None and _size(part) != expected.size:
        return f"{_size(part)} bytes instead of {expected.size}"
    for kind, wanted in (("sha256", expected.sha256), ("md5", expected.md5)):
        if wanted is not None:
            with open(part, "rb") as stream:
                found = hashlib.file_digest(stream, kind).hexdigest()
            if found != wanted:
                return f"{kind} {found[:12]}... instead of {wanted[:12]}..."
    return None


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
