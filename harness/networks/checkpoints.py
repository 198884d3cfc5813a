"""Checkpoints of others: recognized by content, read without running their code, looked through for weights."""

from __future__ import annotations

import pickle
import re
import tarfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from harness.foundation.errors import HarnessError

_TOP = "."  # the key of weights that lie beside other sets
_SHOWN = 4
_HEAD = 1024  # bytes
_SAFETENSORS_HEADER = 100_000_000  # bytes at most, by the format's definition
_OTHER_KINDS = (
    (rb"version https://git-lfs", "a Git LFS pointer, not the weights themselves; run `git lfs pull` where it is from"),
    (rb"(?i)\s*<(!doctype|html|\?xml|head)", "a web page, not weights; download the file itself and put it there"),
    (rb"\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf|Rar!", "an archive; unpack it and name the weight file in it"),
    (rb"\x89HDF\r\n", "an HDF5 file (Keras); PyTorch's weights are needed"),
    (rb"\x08.{0,8}\x12.(pytorch|onnx)", "an ONNX model, which holds no weights by name; PyTorch's weights are needed"),
)
_INERT = (
    "argparse.Namespace",
    "types.SimpleNamespace",
    "copyreg._reconstructor",
    *(f"builtins.{name}" for name in ("object", "dict", "list", "tuple", "int", "float", "bool", "str", "slice")),
    *(f"pathlib.{kind}Path" for kind in ("", "Posix", "Windows", "Pure", "PurePosix", "PureWindows")),
    *(f"pathlib._local.{kind}Path" for kind in ("", "Posix", "Windows", "Pure", "PurePosix", "PureWindows")),
    *(f"datetime.{name}" for name in ("datetime", "date", "time", "timedelta")),
    *(f"{numpy}.multiarray.{name}" for numpy in ("numpy.core", "numpy._core") for name in ("scalar", "_reconstruct")),
    *(f"numpy.{name}" for name in ("dtype", "ndarray", "float64", "float32", "int64", "bool_")),
    *(f"numpy.dtypes.{name}DType" for name in ("Float64", "Float32", "Float16", "Int64", "Int32", "UInt8", "Bool")),
)
"""What trainings leave beside weights: arguments, paths, dates, NumPy's numbers. None of it is made on reading."""


def read_file(path: Path) -> Any:
    """Return what a weight file holds, on the CPU: safetensors or a PyTorch checkpoint, whatever its name ends in.

    Checkpoints are read with ``weights_only``; harmless objects beside the weights become blanks.

    Raises:
        HarnessError: it is another kind of file, truncated, damaged, or wants to run code.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    for pattern, kind in _OTHER_KINDS:
        if re.match(pattern, head, re.DOTALL):
            raise HarnessError(f"{path}: {kind}")
    if _is_safetensors(head) or (path.suffix == ".safetensors" and not head.startswith((b"PK", b"\x80"))):
        return _read_safetensors(path)
    if head.startswith(b"PK"):
        _check_zip(path)
    elif head[257:262] == b"ustar" and tarfile.is_tarfile(path):
        raise HarnessError(f"{path}: an archive (tar); unpack it and name the weight file in it")
    return _read_checkpoint(path)


def choose(content: Any, key: str | None, path: Path) -> dict[str, Tensor]:
    """Return the one set of weights that a checkpoint holds, or the one that ``key`` names.

    Args:
        content: from :func:`read_file`. Whatever is no tensor beside the weights, such as an epoch, is left out.
        key: a dotted way through the dictionaries, such as ``model.state_dict``, or the beginning of tensors' names.
        path: named in errors.

    Raises:
        HarnessError: there are no weights by name, several sets and no key, or no such set; the line lists those found.
    """
    if not isinstance(content, dict):
        kind = "an object of a training" if isinstance(content, _Blank) else f"a {type(content).__name__}"
        raise HarnessError(f"{path}: holds {kind}, not weights by name")
    sets = dict(_sets(content, ()))
    if not sets:
        raise HarnessError(f"{path}: {_without_names(content)}")
    if key is not None:
        return _named(sets, key, path)
    if len(sets) > 1:
        basicsr = set(sets) == {"params", "params_ema"}
        known = "params (raw) or params_ema (averaged)" if basicsr else " or ".join(sets)
        raise HarnessError(f"{path}: holds {len(sets)} sets of weights; choose by key: {known}")
    return next(iter(sets.values()))


def corrupt(path: Path, error: Exception | str) -> HarnessError:
    """Return the error for a file that cannot be what its name says."""
    reason = " ".join(str(error).split())[:120]
    size = path.stat().st_size
    return HarnessError(f"{path}: truncated or corrupt ({size} bytes; {reason}); delete it and make or fetch it again")


def some(names: list[str]) -> str:
    """Return the first few names and the number of the others."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


class _Blank:
    """What stands for a harmless object of others: made of anything, doing nothing."""

    def __new__(cls, *_: Any) -> _Blank:
        return object.__new__(cls)

    def __init__(self, *_: Any) -> None:
        """Forget the arguments."""

    def __setstate__(self, _: Any) -> None:
        """Forget the state."""


def _plain_dict(*_: Any) -> dict[Any, Any]:
    return {}


_STAND_INS: list[Any] = [*((_Blank, name) for name in _INERT), (_plain_dict, "collections.defaultdict")]


def _is_safetensors(head: bytes) -> bool:
    return head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= _SAFETENSORS_HEADER


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return dict(safetensors.torch.load_file(path))
    except safetensors.SafetensorError as error:
        raise corrupt(path, error) from error


def _check_zip(path: Path) -> None:
    """Compare a zip's contents with their checksums, which PyTorch does not; say what it is if it is no checkpoint."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            # PyTorch can leave the checksums out (set_crc32_options); then all of them are 0.
            damaged = archive.testzip() if any(info.CRC for info in archive.infolist()) else None
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise corrupt(path, error) from error
    if damaged is not None:
        raise corrupt(path, f"the checksum of {damaged} in it differs")
    if any(name.endswith("/constants.pkl") for name in names):
        raise HarnessError(
            f"{path}: a TorchScript file: a program with its weights; where you trust it, save the weights alone: "
            "safetensors.torch.save_file(dict(torch.jit.load(FILE).state_dict()), NEW)"
        )
    if not any(name.endswith("data.pkl") for name in names):
        raise HarnessError(f"{path}: an archive (zip); unpack it and name the weight file in it")


def _read_checkpoint(path: Path) -> Any:
    try:
        with path.open("rb") as file, warnings.catch_warnings(), torch.serialization.safe_globals(_STAND_INS):
            warnings.simplefilter("ignore")  # about pickle protocols that torch does not write, and sparse tensors
            return torch.load(file, map_location="cpu", weights_only=True)  # a path would be judged by its suffix
    except pickle.UnpicklingError as error:
        # Torch's own message is not passed on: it advises to switch the protection off.
        code = re.search(r"GLOBAL ([\w.]+)", str(error))
        problem = f"wants to run code ({code[1]})" if code else "is corrupt or holds more than weights"
        raise HarnessError(
            f"{path}: refused: this pickle {problem}; fetch it again, or convert it to safetensors where you trust it"
        ) from error
    except Exception as error:  # a damaged pickle makes the unpickler raise anything
        raise corrupt(path, error) from error


def _sets(content: dict[Any, Any], way: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Yield the dotted name and the tensors of every dictionary that holds weights, but for states of optimizers."""
    below = [
        found
        for name, value in content.items()
        if isinstance(name, str) and isinstance(value, dict) and not name.startswith("optim")
        for found in _sets(value, (*way, name))
    ]
    tensors = {name: value for name, value in content.items() if isinstance(value, Tensor)}
    # A step, a score and the state of a random generator are no weights.
    some_weights = any(value.dim() and value.dtype != torch.uint8 for value in tensors.values())
    if some_weights and all(isinstance(name, str) for name in tensors):
        yield ".".join(way) or _TOP, tensors
    yield from below


def _named(sets: dict[str, dict[str, Tensor]], key: str, path: Path) -> dict[str, Tensor]:
    if key in sets:
        return sets[key]
    for name, tensors in sets.items():
        beginning = key.removeprefix(f"{name}.")
        if beginning == key and len(sets) > 1 and name != _TOP:
            continue  # a beginning of names, but of which set's?
        if found := {n.removeprefix(f"{beginning}."): t for n, t in tensors.items() if n.startswith(f"{beginning}.")}:
            return found
    if list(sets) == [_TOP]:
        raise HarnessError(f"{path}: holds one set of weights, without a key; leave out key {key!r}")
    raise HarnessError(f"{path}: holds no {key!r}; it holds: {', '.join(sets)}")


def _without_names(content: dict[Any, Any]) -> str:
    entries = some([str(name) for name in content])
    if any(isinstance(value, Tensor) for value in content.values()):
        return f"holds tensors under numbers, not names: {entries}; save the network's state_dict()"
    return f"holds no weights by name; its entries: {entries}"
