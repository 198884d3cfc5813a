"""Sweeps in the statistics: the first strength at which an interval excludes zero, apart from all averages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from harness.degradations.sweeps import swept
from harness.foundation.rng import numpy_stream
from harness.reporting.rows.compared import EvaluationSet, Study
from harness.reporting.statistics.summary import summarize
from harness.reporting.statistics.sweeps import begins, sweep_summary

BLUR = swept(["blur"])


def rows(study: Study) -> pd.DataFrame:
    """Dropout costs 1 dB on images without blur, makes no difference up to 2 pixels, and pays 1 dB beyond."""
    gains = {name: -1.0 if place == 0 else 1.0 if place > 4 else 0.0 for place, name in enumerate(BLUR)}
    noise = numpy_stream("sweep").standard_normal
    found = []
    for item in (*study.sets, *study.swept):
        for image in range(8):
            base, spread = 25 + noise(), noise(2) * 0.02
            common = {"network": "srresnet", "dataset": item.dataset, "degradation": item.degradation}
            common |= {"image": f"i{image}", "metric": "psnr_rgb", "status": "ok"}
            found.append(common | {"variant": "bicubic", "regularizer": "reference", "seed": None, "value": base - 2})
            found[-1]["network"] = ""
            for seed in (0, 1, 2):
                wobble = noise() * 0.02 * (1 if image % 2 else -1)
                gain = gains.get(item.degradation, 0.5) + spread[0] + wobble
                for method, value in (("baseline", base), ("dropout", base + gain)):
                    found.append(common | {"variant": method, "regularizer": method, "seed": seed, "value": value})
    frame = pd.DataFrame(found)
    return frame.assign(seed=frame["seed"].astype("Int64"))


def test_a_method_begins_to_pay_where_its_interval_first_excludes_zero() -> None:
    study = replace(
        Study.product("t", seeds=(0, 1, 2)), swept=tuple(EvaluationSet("Set5", name, ("psnr_rgb",)) for name in BLUR)
    )
    frame = rows(study)
    summary = sweep_summary(frame, study)
    own = summary[summary["method"] == "dropout"]
    assert list(own["strength"]) == ["0", "0.5", "1", "1.5", "2", "2.5", "3", "3.5", "4"]
    np.testing.assert_allclose(own["difference"], [-1, 0, 0, 0, 0, 1, 1, 1, 1], atol=0.08)
    ((sweep, network, method, text),) = begins(summary, study)
    assert (sweep, network, method) == ("blur", "srresnet", "dropout")
    assert text == "begins to pay at 2.5, pays at 4 of 9; costs at 0"
    plain = summarize(frame, study)
    assert set(plain["column"]) == {"clean"}
    assert sweep_summary(frame, replace(study, swept=())).empty
