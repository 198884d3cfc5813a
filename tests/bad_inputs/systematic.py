"""Mistakes in ``evaluation.systematic``."""

from __future__ import annotations

from tests.bad_inputs.case import BASE
from tests.bad_inputs.experiments import edit, text

CASES = [
    *(
        edit(
            f"systematic-{id}",
            given,
            "metrics: [psnr_rgb]",
            f"metrics: [psnr_rgb]\n  systematic: [{entry}]",
            f"evaluation.systematic: {answer}",
        )
        for id, given, entry, answer in (
            (
                "training-set",
                "a training set under `systematic`",
                "DIV2K_train",
                "dataset: 'DIV2K_train': unknown; allowed: ...",
            ),
            (
                "no-degradations",
                "a test set under `systematic`, and no degradations for it",
                "embedded_test",
                "embedded_test: degradations: name a set of representatives; there are: benchmark_space...",
            ),
            (
                "own-degradations",
                "degradations for a set that comes degraded",
                "{dataset: Set14_SE, degradations: benchmark_space}",
                "Set14_SE: degradations: 'benchmark_space': this data set comes in 100 of its own; leave it out",
            ),
            (
                "excellence",
                "an excellence line that is no method of the experiment",
                "{dataset: Set14_SE, excellence: swinir}",
                "Set14_SE: excellence: 'swinir': unknown; allowed: baseline, bicubic",
            ),
            (
                "metric",
                "a metric that no line judges",
                "{dataset: Set14_SE, metrics: [lpips]}",
                "Set14_SE: metrics: 'lpips': unknown; allowed: psnr_rgb, psnr_y, psnr_y_whole, ssim_rgb, ...",
            ),
            (
                "twice",
                "one set under `systematic` twice",
                "Set14_SE, Set14_SE",
                "'Set14_SE': a duplicate run: given twice",
            ),
        )
    ),
    text(
        "systematic-scale",
        "a set that comes degraded for another scale",
        BASE.replace("scale: 4", "scale: 2").replace("[psnr_rgb]", "[psnr_rgb]\n  systematic: [Set14_SE]"),
        "evaluation.systematic: Set14_SE: comes degraded for scale 4, not 2; leave it out",
    ),
]
