"""What training cost: time, images, memory and energy, with the held-out loss at equal cost.

These numbers are measurements of one machine: they have a table of their own, because the others must not change when
the same experiment runs again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from harness.experiment.defaults import foregone
from harness.reporting.rows.compared import Study
from harness.reporting.rows.run_records import Key, Records


def costs(study: Study, records: Records) -> pd.DataFrame:
    """Return the mean cost of each network and method over its finished runs.

    Columns: network, method, runs, seconds, relative (to the baseline's seconds), images (degraded images seen),
    images_per_second, memory (bytes), energy (joules; NaN if not measured), devices, heldout (final held-out L1) and
    heldout_equal: held-out L1 when as much time had passed as the baseline's whole training took (the last
    measurement before; the learning rate is then not at its end, which favours cheaper methods), and without: what made
    the baseline's training quicker and not this one's, such as ``CUDA graph``, or ""; spread: the standard
    deviation of the seconds over runs, relative to the same.
    """
    rows = []
    for network in study.networks:
        base = _seconds(records, network, study.baseline)
        of_baseline = [doc for key, doc in records.documents.items() if key[:2] == (network, study.baseline)]
        for method in study.methods_of(network):
            keys = [key for key in records.documents if key[:2] == (network, method)]
            found = [records.documents[key] for key in keys]
            if found:
                rows.append({"network": network, "method": method} | _cost(found) | {"relative": np.nan})
                rows[-1]["relative"] = rows[-1]["seconds"] / base if base else np.nan
                seconds = [float(document["seconds"]) for document in found]
                rows[-1]["spread"] = float(np.std(seconds, ddof=1)) / base if base and len(seconds) > 1 else np.nan
                rows[-1]["heldout_equal"] = float(
                    np.mean([_heldout_equal(records, key, study.baseline) for key in keys])
                )
                rows[-1]["without"] = _foregone(found, of_baseline)
    names = ["network", "method", "runs", "seconds", "relative", "images", "images_per_second", "memory", "energy"]
    return pd.DataFrame(rows, columns=[*names, "devices", "heldout", "heldout_equal", "without", "spread"])


def _foregone(documents: list[dict[str, Any]], of_baseline: list[dict[str, Any]]) -> str:
    """Return what any training of the baseline had and any of these had not."""
    pairs = [(_computed(one), _computed(base)) for one in documents for base in of_baseline]
    return " and ".join(sorted({lacking for pair in pairs if (lacking := foregone(*pair))}))


def _computed(document: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a training as it ran: a CUDA graph that was asked for may have been refused."""
    training: dict[str, Any] = document["spec"]["training"]
    refused = any(session.get("cuda_graph") == "refused" for session in document.get("sessions", ()))
    return {**training, "cuda_graph": False} if refused else training


def _seconds(records: Records, network: str, method: str) -> float:
    values = [float(doc["seconds"]) for key, doc in records.documents.items() if key[:2] == (network, method)]
    return float(np.mean(values)) if values else 0.0


def _cost(documents: list[dict[str, Any]]) -> dict[str, Any]:
    def mean(name: str) -> float:
        values = [doc.get(name) for doc in documents]
        return float(np.mean([np.nan if value is None else float(value) for value in values]))

    trainings = [doc["spec"]["training"] for doc in documents]
    devices = {str(doc.get("hardware", {}).get("gpu") or doc.get("hardware", {}).get("cpu", "")) for doc in documents}
    return {
        "runs": len(documents),
        "seconds": mean("seconds"),
        "images": float(np.mean([float(item["iterations"]) * float(item["batch_size"]) for item in trainings])),
        "images_per_second": mean("images_per_second"),
        "memory": mean("peak_memory_bytes"),
        "energy": mean("energy_joules"),
        "devices": ", ".join(sorted(devices)),
        "heldout": mean("heldout_l1_final"),
    }


def _heldout_equal(records: Records, key: Key, baseline: str) -> float:
    """Return the last held-out L1 measured before the baseline of the same seed would have been done."""
    document, history = records.documents[key], records.histories.get(key)
    base = records.documents.get((key[0], baseline, key[2]))
    if history is None or base is None:
        return float("nan")
    iterations = float(document["spec"]["training"]["iterations"])
    reached = iterations * min(1.0, float(base["seconds"]) / float(document["seconds"]))
    measured = history.dropna(subset=["heldout_l1"])
    measured = measured[measured["iteration"] <= reached]
    return float(measured["heldout_l1"].iloc[-1]) if len(measured) else float("nan")
