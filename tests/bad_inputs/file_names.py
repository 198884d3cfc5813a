"""Names of images that begin with, or hold, what a file format gives a meaning to: they are measured like all others."""

from __future__ import annotations

from pathlib import Path

from harness.foundation.images import encode_png
from tests.bad_inputs.case import BASE, EXPERIMENT, Case
from tests.bad_inputs.images import noise

NAMES = ("#1", "# key: value", "a,b;c", "back\\nslash", "'quoted\"", "=1+1", "name", "é")
"""Each would vanish from, or break, a list that is split at the wrong place."""

CATALOGUE = 'holiday: {kind: real_paired, folder: holiday, pattern: "HR/{name}", low: "LR/{name}", licence: mine}\n'
REAL = "  real_paired: [holiday]\n"


def _measured(folder: Path) -> None:
    """Benchmark, evaluate and merge, and say how many of the photographs were measured."""
    import pandas as pd

    from tests.bad_inputs.conftest import call

    (folder / EXPERIMENT).write_text(BASE + REAL)
    (folder / "configs").mkdir()
    (folder / "configs" / "datasets.yaml").write_text(CATALOGUE)
    for kind, side in (("HR", 64), ("LR", 16)):
        (folder / "data" / "holiday" / kind).mkdir(parents=True)
        for name in NAMES:
            (folder / "data" / "holiday" / kind / f"{name}.png").write_bytes(encode_png(noise(side, side)))
    for dataset in ("embedded_test", "holiday"):
        assert call("benchmark", EXPERIMENT, dataset) == 0
    assert call("evaluate", EXPERIMENT, "--reference", "bicubic") == 0
    assert call("aggregate", EXPERIMENT, "--partial") == 0
    rows = pd.read_parquet(folder / "results" / "mine" / "metrics.parquet")
    found = rows[(rows["dataset"] == "holiday") & (rows["variant"] == "bicubic")]
    assert set(found["image"]) == set(NAMES)
    print(f"{len(set(found['image']))} pairs measured")


CASES = [
    Case(
        "names-measured",
        "photographs called `#1.png`, `# key: value.png`, `a,b;c.png`, `back\\nslash.png`, `=1+1.png` and the like",
        f"evaluate {EXPERIMENT} --reference bicubic",
        f"{len(NAMES)} pairs measured",
        status=0,
        call=_measured,
        changed=(EXPERIMENT,),
    ),
]
