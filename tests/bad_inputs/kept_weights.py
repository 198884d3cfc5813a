"""Mistakes about weights that runs keep on their way, and about the choice among them."""

from __future__ import annotations

from tests.bad_inputs.experiments import edit

CASES = [
    edit(
        "keep-raw",
        "`keep_raw: true` without `keep_every`",
        "scale: 4",
        "scale: 4\nkeep_raw: true",
        "keep_raw: says which weights to keep on the way, but not how often; add keep_every",
    ),
    edit(
        "selection",
        "`selection` without `keep_every`",
        "scale: 4",
        "scale: 4\nselection: {on: embedded_test}",
        "selection: chooses among weights that are kept on the way; add keep_every",
    ),
    edit(
        "selection-none",
        "`selection` where `keep_every` keeps nothing before the end",
        "scale: 4",
        "scale: 4\nselection: {}\nkeep_every: 4",
        "keep_every: 4: keeps no weights on the way of 4 iterations, among which 'selection' could choose; make it smaller",
    ),
    edit(
        "selection-heldout",
        "`selection` between measurements of the held-out loss",
        "scale: 4",
        "scale: 4\nselection: {}\nkeep_every: 2",
        "keep_every: 2: 'selection' compares with a choice by the loss on held-out images, measured every 4 iterations; "
        "make keep_every a multiple of training.heldout_every",
    ),
    edit(
        "selection-on",
        "`selection` on a set that is not evaluated",
        "scale: 4",
        "scale: 4\nselection: {on: Set5}\nkeep_every: 4",
        "selection.on: 'Set5': unknown; allowed: embedded_test",
    ),
    edit(
        "selection-column",
        "`selection` by a degradation that is not evaluated",
        "scale: 4",
        "scale: 4\nselection: {column: fog}\nkeep_every: 4",
        "selection.column: 'fog': unknown; allowed: average, clean",
    ),
]
