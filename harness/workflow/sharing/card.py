"""The card of a bundle: Markdown, with the metadata of Hugging Face's model cards at its head.

The metadata follow https://github.com/huggingface/hub-docs/blob/main/modelcard.md (``model-index``: per model a list
of results, each of a task, a data set and metrics with type, name and value).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from harness.experiment import Experiment
from harness.experiment.citations import citations
from harness.reporting.rows.metric_rows import load

TASK = {"type": "image-to-image", "name": "Image super-resolution"}


def card(experiment: Experiment, rows: Path) -> str:
    """Return the card of an experiment.

    Args:
        experiment: its file says what is told.
        rows: the aggregated rows. A value is the mean over images, then over seeds; a cell of which an image or a
            seed is missing, failed or infinite is left out and counted.

    Raises:
        HarnessError: the rows cannot be read, or the files of citations are wrong.
    """
    models, left_out = _models(load(rows))
    head = {
        "library_name": "pytorch",
        "pipeline_tag": TASK["type"],
        "tags": ["super-resolution", "regularization", *experiment.file.networks],
        "model-index": models,
    }
    text = yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=110)
    controls = ", ".join(method.identifier for method in experiment.references) or "none"
    lines = [
        f"# {experiment.name}",
        "",
        experiment.file.description,
        "",
        f"- networks: {', '.join(experiment.file.networks)}",
        f"- variants: {', '.join(experiment.file.variants)}",
        f"- control rows, which were not trained: {controls}",
        f"- seeds: {', '.join(map(str, experiment.file.seeds))}",
        f"- scale: {experiment.file.scale}",
        f"- cells left out above, for an image or seed that is missing, failed or infinite: {left_out}",
        "",
        "Values are means over images, then over seeds. They say nothing of which differences are shown: the tables",
        "do. `run.json` of each run tells its settings, software and hardware. Licences of data sets and of weights",
        "that were trained on them are those of the data sets; this card grants none.",
        "",
        "`python -m harness import FILE.zip` checks every byte against `MANIFEST.json`.",
        "",
        "## To cite",
        "",
        "```bibtex",
        citations(experiment).bibtex().rstrip(),
        "```",
    ]
    return f"---\n{text}---\n\n" + "\n".join(lines) + "\n"


def _models(rows: pd.DataFrame) -> tuple[list[dict[str, Any]], int]:
    """Return the entries of ``model-index`` and how many cells were left out."""
    results: dict[str, list[dict[str, Any]]] = {}
    left_out = 0
    keys = ["network", "variant", "regularizer", "dataset", "degradation", "metric"]
    plain = rows.astype(dict.fromkeys(keys, str))
    for key, cell in plain.groupby(keys, sort=False):
        network, variant, regularizer, dataset, degradation, metric = map(str, key if isinstance(key, tuple) else ())
        whole = (cell["status"].astype(str) == "ok").all()
        by_seed = cell["value"].groupby(cell["seed"].fillna(-1).astype(int)).mean()
        value = float(by_seed.mean()) if whole else math.nan
        if not math.isfinite(value):
            left_out += 1
            continue
        control = regularizer == "reference"
        model = f"control: {variant}" if control else variant
        name = metric if control else f"{metric}, {len(by_seed)} seed(s)"
        result = {
            "task": TASK,
            "dataset": {"name": f"{dataset}, {degradation}", "type": dataset, "config": degradation},
            "metrics": [{"type": metric, "name": name, "value": round(value, 6)}],
        }
        results.setdefault(f"{network}.{model}" if network not in ("", "nan") else model, []).append(result)
    return [{"name": name, "results": found} for name, found in results.items()], left_out
