"""Every kind of file that the harness reads back, altered in every way: noticed in one line, and never used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bad_inputs.case import ELSEWHERE, EXPERIMENT, Case, Make
from tests.bad_inputs.results import AGAIN, AGGREGATE, TABLES, TRAIN

RUN, RUN_SHOWN = "results/runs/srresnet_tiny.baseline.s0.*", "results/runs/srresnet_tiny.baseline.s0..."
PACK, SETS = "results/training_data/embedded_train", "results/benchmarks/x4/embedded_test"
EVALUATE = f"evaluate {EXPERIMENT} --run srresnet_tiny.baseline.s0"
FIGURES = f"figures {EXPERIMENT}"
REFERENCE = f"evaluate {EXPERIMENT} --reference bicubic"
OTHER_BYTES = "not what was written (SHA-256 ..., written ...)"
PACK_AGAIN = "run `python -m harness pack EXPERIMENT embedded_train` to make it again"
SET_AGAIN = "run `python -m harness benchmark EXPERIMENT embedded_test` to make it again"
EVALUATE_AGAIN = "run `python -m harness evaluate EXPERIMENT --run srresnet_tiny.baseline.s0...` to make it again"


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        id: its name in tests.
        given: the same in words.
        path: pattern of the file; there is one.
        shown: how errors name it.
        command: what reads it.
        foreign: pattern of a file of the same kind of another run or data set, which is put in its place with its sum.
        again: what makes it again, as the answer says.
        taken: the answer to a foreign file with its sum.
        other_bytes, other_size: the answers to changed bytes, and to a file that is too short.
    """

    id: str
    given: str
    path: str
    shown: str
    command: str
    foreign: str
    again: str
    taken: str = "written as ..., not for this place"
    other_bytes: str = OTHER_BYTES
    other_size: str = OTHER_BYTES


KINDS = [
    Kind(
        "pixels",
        "the pixels of a pack",
        f"{PACK}/pixels.bin",
        f"{PACK}/pixels.bin",
        TRAIN,
        "results/training_data/embedded_heldout/pixels.bin",
        PACK_AGAIN,
        "... bytes where the index says ...",
        "1 of ... images are not what was packed: ...",
        "... bytes where the index says ...",
    ),
    Kind(
        "pack-index",
        "the index of a pack",
        f"{PACK}/index.json",
        f"{PACK}/index.json",
        TRAIN,
        "results/training_data/embedded_heldout/index.json",
        PACK_AGAIN,
    ),
    Kind(
        "weights",
        "trained weights",
        f"{RUN}/weights.safetensors",
        f"{RUN_SHOWN}/weights.safetensors",
        EVALUATE,
        f"{ELSEWHERE}/results/runs/*/weights.safetensors",
        AGAIN,
    ),
    Kind(
        "history",
        "a history",
        f"{RUN}/history.csv",
        f"{RUN_SHOWN}/history.csv",
        TABLES,
        f"{ELSEWHERE}/results/runs/*/history.csv",
        AGAIN,
    ),
    Kind(
        "record",
        "a run.json",
        f"{RUN}/run.json",
        f"{RUN_SHOWN}/run.json",
        TABLES,
        f"{ELSEWHERE}/results/runs/*/run.json",
        AGAIN,
    ),
    Kind(
        "metrics",
        "the metrics of a run",
        "results/metrics/srresnet_tiny.baseline.s0.*/*.parquet",
        "results/metrics/srresnet_tiny.baseline.s0.../....parquet",
        AGGREGATE,
        f"{ELSEWHERE}/results/metrics/srresnet_tiny.*/*.parquet",
        EVALUATE_AGAIN,
    ),
    Kind(
        "merged",
        "the merged metrics of an experiment",
        "results/mine/metrics.parquet",
        "results/mine/metrics.parquet",
        TABLES,
        f"{ELSEWHERE}/results/other/metrics.parquet",
        "run `python -m harness aggregate EXPERIMENT` to make it again",
    ),
    Kind(
        "manifest",
        "the manifest of a benchmark",
        f"{SETS}/clean/manifest.tsv",
        f"{SETS}/clean/manifest.tsv",
        REFERENCE,
        f"{ELSEWHERE}/{SETS}/blur/manifest.tsv",
        SET_AGAIN,
    ),
    Kind(
        "set-index",
        "the index of a benchmark",
        f"{SETS}/index.*.tsv",
        f"{SETS}/index....tsv",
        REFERENCE,
        f"{ELSEWHERE}/{SETS}/index.*.tsv",
        SET_AGAIN,
    ),
]


def one(folder: Path, pattern: str) -> Path:
    """Return the only file that a pattern names."""
    (path,) = folder.glob(pattern)
    return path


def flipped(pattern: str) -> Make:
    """Return what flips a bit in the middle of a file."""

    def make(folder: Path) -> None:
        content = bytearray(one(folder, pattern).read_bytes())
        content[len(content) // 2] ^= 1
        one(folder, pattern).write_bytes(content)

    return make


def shortened(pattern: str, part: float) -> Make:
    """Return what cuts a file to a part of its length."""

    def make(folder: Path) -> None:
        content = one(folder, pattern).read_bytes()
        one(folder, pattern).write_bytes(content[: int(len(content) * part)])

    return make


def taken_from(pattern: str, source: str) -> Make:
    """Return what puts another file, with its sum if it has one, in the place of one."""

    def make(folder: Path) -> None:
        target, foreign = one(folder, pattern), one(folder, source)
        target.write_bytes(foreign.read_bytes())
        if (theirs := Path(f"{foreign}.sha256")).is_file():
            Path(f"{target}.sha256").write_bytes(theirs.read_bytes())

    return make


WAYS: dict[str, tuple[str, Callable[[Kind], Make], Callable[[Kind], str]]] = {
    "flipped": (
        "a flipped bit in {}",
        lambda kind: flipped(kind.path),
        lambda kind: kind.other_bytes,
    ),
    "cut": ("{}, cut in half", lambda kind: shortened(kind.path, 0.5), lambda kind: kind.other_size),
    "emptied": ("{}, of zero bytes", lambda kind: shortened(kind.path, 0), lambda kind: kind.other_size),
    "foreign": (
        "{}, of another run or data set, with its sum",
        lambda kind: taken_from(kind.path, kind.foreign),
        lambda kind: kind.taken,
    ),
}
"""Way of altering to its words, to what does it, and to what the answer says of it."""

STATE, OTHER_STATE = "results/state/*/iteration-*.state", f"{ELSEWHERE}/results/state/*/iteration-*.state"
REPEATED = ("results/runs/*/run.json*", "results/state/*/*")  # weights and history are written with the same bytes
BROKEN = "warning: results/state/.../iteration-000000004.state: truncated or corrupted; going on from the newest that is whole, if there is one"


def _seconds(folder: Path) -> None:
    """Write a negative time into a run.json of an earlier version."""
    path = one(folder, f"{RUN}/run.json")
    path.write_text(path.read_text().replace('"seconds": ', '"seconds": -'))
    Path(f"{path}.sha256").unlink()


def _history(folder: Path) -> None:
    """Flip a bit of an iteration's number in a history of an earlier version."""
    path = one(folder, f"{RUN}/history.csv")
    head, _, rest = path.read_text().partition("\n0,")
    path.write_text(f"{head}\np,{rest}")
    Path(f"{path}.sha256").unlink()


def _no_sum_place(folder: Path) -> None:
    """Put another run's weights, of an earlier version, in the place of one's own."""
    taken_from(f"{RUN}/weights.safetensors", f"{ELSEWHERE}/results/runs/*/weights.safetensors")(folder)
    Path(f"{one(folder, f'{RUN}/weights.safetensors')}.sha256").unlink()


def _bad_sum(folder: Path) -> None:
    Path(f"{one(folder, f'{RUN}/weights.safetensors')}.sha256").write_bytes(b"\xff\x00")


CASES = [
    Case(
        f"altered-{kind.id}-{way}",
        words.format(kind.given),
        kind.command,
        f"{kind.shown}: {says(kind)}; {kind.again}",
        make(kind),
        finished=True,
    )
    for kind in KINDS
    for way, (words, make, says) in WAYS.items()
] + [
    Case("state-flipped", "a flipped bit in a state", TRAIN, BROKEN, flipped(STATE), 0, True, REPEATED),
    Case(
        "state-foreign",
        "a state of another run",
        TRAIN,
        "results/state/.../iteration-000000004.state: a state of the run ..., but ... trains here; move it away, then run again",
        taken_from(STATE, OTHER_STATE),
        finished=True,
    ),
    Case(
        "figures-weights",
        "a flipped bit in weights that a figure needs",
        FIGURES,
        f"{RUN_SHOWN}/weights.safetensors: {OTHER_BYTES}; {AGAIN}",
        flipped(f"{RUN}/weights.safetensors"),
        finished=True,
        changed=("reports/*",),
    ),
    Case(
        "weights-old-foreign",
        "weights of another run, of an earlier version",
        EVALUATE,
        f"{RUN_SHOWN}/weights.safetensors: weights of the run ..., but ... is asked for; {AGAIN}",
        _no_sum_place,
        finished=True,
    ),
    Case(
        "weights-sum",
        "a damaged sum beside weights",
        EVALUATE,
        f"{RUN_SHOWN}/weights.safetensors: its sum beside it is damaged; {AGAIN}",
        _bad_sum,
        finished=True,
    ),
    Case(
        "record-seconds",
        "a run.json of an earlier version with negative seconds",
        TABLES,
        f"{RUN_SHOWN}/run.json: seconds: -...: input should be greater than 0; {AGAIN}",
        _seconds,
        finished=True,
    ),
    Case(
        "history-number",
        "a history of an earlier version with a letter for an iteration",
        TABLES,
        f"{RUN_SHOWN}/history.csv: not a readable history; {AGAIN}",
        _history,
        finished=True,
    ),
    Case(
        "verify-altered",
        "altered pixels of a pack, looked for",
        "verify embedded_train",
        "verify: 1 of 2 checks failed, see above",
        flipped(f"{PACK}/pixels.bin"),
        finished=True,
    ),
    Case(
        "verify-results",
        "a flipped bit in weights, looked for",
        "verify --data-root nowhere",
        "verify: 1 of ... checks failed, see above",
        flipped(f"{RUN}/weights.safetensors"),
        finished=True,
    ),
]
