"""What runs left behind, damaged: metrics, records, histories, states; and places that cannot be written."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.bad_inputs.case import BASE, EXPERIMENT, Case, aged, both, cut, replaced, written

AGGREGATE, TABLES = f"aggregate {EXPERIMENT}", f"tables {EXPERIMENT}"
TRAIN = f"train {EXPERIMENT} --run srresnet_tiny.baseline.s0"
BICUBIC, SHOWN = "results/metrics/bicubic/*.parquet", "results/metrics/bicubic/....parquet"
RUN, RUN_SHOWN = "results/runs/srresnet_tiny.baseline.s0.*", "results/runs/srresnet_tiny.baseline.s0..."
STATE = "results/state/*/iteration-*.state"
AGAIN = "run `python -m harness train EXPERIMENT --run srresnet_tiny.baseline.s0...` to make it again"


def _columns(folder: Path) -> None:
    import pandas as pd

    (path,) = folder.glob(BICUBIC)
    pd.DataFrame({"a": [1]}).to_parquet(path)


def _status(folder: Path) -> None:
    import pandas as pd

    (path,) = folder.glob(BICUBIC)
    pd.read_parquet(path).assign(status="good").to_parquet(path)


def _value(folder: Path) -> None:
    import pandas as pd

    (path,) = folder.glob(BICUBIC)
    pd.read_parquet(path).assign(value="high").to_parquet(path)


def _no_metrics(folder: Path) -> None:
    for path in folder.glob(BICUBIC):
        path.unlink()


def _no_aggregate(folder: Path) -> None:
    (folder / "results" / "mine" / "metrics.parquet").unlink()


def _no_run(folder: Path) -> None:
    for path in (*folder.glob(RUN), *folder.glob("results/state/*")):
        shutil.rmtree(path)


def _directory(folder: Path) -> None:
    (path,) = folder.glob(f"{RUN}/run.json")
    path.unlink()
    path.mkdir()


CHANGED = ("results/runs/*/*", "results/state/*/*")
EVALUATE = "run `python -m harness evaluate EXPERIMENT --reference bicubic` to make it again"
UNREADABLE = f"not a readable metrics file (...); {EVALUATE}"
CASES = [
    Case(
        "metrics-none",
        "metrics that were not measured",
        AGGREGATE,
        f"{SHOWN}: no such metrics file; run the evaluation that writes it",
        _no_metrics,
        finished=True,
    ),
    Case(
        "metrics-empty",
        "a metrics file of zero bytes",
        AGGREGATE,
        f"{SHOWN}: {UNREADABLE}",
        aged(cut(BICUBIC, 0)),
        finished=True,
    ),
    Case(
        "metrics-cut",
        "a metrics file cut in half",
        AGGREGATE,
        f"{SHOWN}: {UNREADABLE}",
        aged(cut(BICUBIC, 0.5)),
        finished=True,
    ),
    Case(
        "metrics-text",
        "text under a metrics file's name",
        AGGREGATE,
        f"{SHOWN}: {UNREADABLE}",
        aged(replaced(BICUBIC, "value\n26.69\n")),
        finished=True,
    ),
    Case(
        "metrics-columns",
        "a Parquet file of something else",
        AGGREGATE,
        f"{SHOWN}: lacks the column 'dataset'; {EVALUATE}",
        aged(_columns),
        finished=True,
    ),
    Case(
        "metrics-status",
        "metrics with an unknown status",
        AGGREGATE,
        f"{SHOWN}: status: 'good' is not one of ok, failed, missing; {EVALUATE}",
        aged(_status),
        finished=True,
    ),
    Case(
        "metrics-words",
        "metrics whose values are words",
        AGGREGATE,
        f"{SHOWN}: {UNREADABLE}",
        aged(_value),
        finished=True,
    ),
    Case(
        "tables-too-early",
        "tables before the metrics are merged",
        TABLES,
        "results/mine/metrics.parquet: no such metrics file; run the evaluation that writes it",
        _no_aggregate,
        finished=True,
    ),
    Case(
        "record-json",
        "a run.json cut in half",
        TABLES,
        f"{RUN_SHOWN}/run.json: not a readable record; {AGAIN}",
        aged(cut(f"{RUN}/run.json", 0.5)),
        finished=True,
    ),
    Case(
        "record-list",
        "a run.json that holds a list",
        TABLES,
        f"{RUN_SHOWN}/run.json: not a record; {AGAIN}",
        aged(replaced(f"{RUN}/run.json", "[]")),
        finished=True,
    ),
    Case(
        "record-empty",
        "a run.json without what belongs there",
        TABLES,
        f"{RUN_SHOWN}/run.json: spec: required, but not given; {AGAIN}",
        aged(replaced(f"{RUN}/run.json", "{}")),
        finished=True,
    ),
    Case(
        "record-binary",
        "a run.json of random bytes",
        TABLES,
        f"{RUN_SHOWN}/run.json: not a readable record; {AGAIN}",
        aged(replaced(f"{RUN}/run.json", bytes(range(256)))),
        finished=True,
    ),
    Case(
        "history-empty",
        "a history.csv of zero bytes",
        TABLES,
        f"{RUN_SHOWN}/history.csv: not a readable history; {AGAIN}",
        aged(cut(f"{RUN}/history.csv", 0)),
        finished=True,
    ),
    Case(
        "history-binary",
        "a history.csv of random bytes",
        TABLES,
        f"{RUN_SHOWN}/history.csv: not a readable history; {AGAIN}",
        aged(replaced(f"{RUN}/history.csv", bytes(range(256)))),
        finished=True,
    ),
    Case(
        "history-columns",
        "a history.csv without the losses",
        TABLES,
        f"{RUN_SHOWN}/history.csv: lacks the column 'loss'; {AGAIN}",
        aged(replaced(f"{RUN}/history.csv", "iteration\n1\n")),
        finished=True,
    ),
    Case(
        "history-words",
        "a history.csv with words for numbers",
        TABLES,
        f"{RUN_SHOWN}/history.csv: not a readable history; {AGAIN}",
        aged(
            replaced(
                f"{RUN}/history.csv", "iteration,loss,l1,penalty,learning_rate,heldout_l1\n1,low,low,low,low,low\n"
            )
        ),
        finished=True,
    ),
    Case(
        "plan-record",
        "the same in a plan, which goes on without it",
        f"plan {EXPERIMENT}",
        f"warning     {RUN_SHOWN}/run.json: not a readable record; {AGAIN}",
        aged(cut(f"{RUN}/run.json", 0.5)),
        0,
        True,
        (".snakemake/*",),
    ),
    Case(
        "state-cut",
        "a state cut in half: the run goes on from the one before, or starts",
        TRAIN,
        "warning: results/state/.../iteration-000000004.state: truncated or corrupted; going on from the newest that is whole, if there is one",
        cut(STATE, 0.5),
        0,
        True,
        CHANGED,
    ),
    Case(
        "state-empty",
        "a state of zero bytes",
        TRAIN,
        "warning: results/state/.../iteration-000000004.state: truncated or corrupted; going on from the newest that is whole, if there is one",
        cut(STATE, 0),
        0,
        True,
        CHANGED,
    ),
    Case(
        "diverged",
        "a learning rate at which training diverges",
        TRAIN,
        "srresnet_tiny.baseline.s0...: training.learning_rate: the loss is not finite at iteration ...; the last good state is kept; lower the learning rate, or use precision: fp32, then run again",
        both(_no_run, written(EXPERIMENT, BASE.replace("0.001", "1.0e+30"))),
        finished=True,
        changed=CHANGED,
    ),
    Case(
        "results-file",
        "a file called results",
        f"benchmark {EXPERIMENT} embedded_test",
        "results...: cannot be written (...); something else lies there, or its name cannot be used: move it away",
        written("results", b""),
    ),
    Case(
        "reports-file",
        "a file called reports",
        TABLES,
        "reports/mine/tables/...: cannot be written (...); something else lies there, or its name cannot be used: move it away",
        written("reports", b""),
        finished=True,
    ),
    Case(
        "record-folder",
        "a folder where run.json belongs",
        TRAIN,
        f"{RUN_SHOWN}/run.json: cannot be written (Is a directory); something else lies there, or its name cannot be used: move it away",
        _directory,
        finished=True,
        changed=CHANGED,
    ),
]
