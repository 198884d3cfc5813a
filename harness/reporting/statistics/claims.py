"""From the groups of one table to its claims: stars, bold numbers, verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.reporting.statistics.critical import ALPHA
from harness.reporting.statistics.groups import BASELINE, RIVAL, SECOND, Judged
from harness.reporting.statistics.power import Situation, detectable
from harness.reporting.statistics.rule import errors_needed, table_factors, table_pvalues, verdict

PRIMARY, EXPLORATORY = "primary", "exploratory"
"""Roles of comparisons."""


def claim(groups: Sequence[Judged], rows: list[dict[str, Any]], sign: float, share: float = 1.0) -> None:
    """Write what may be claimed into the rows of one table, all networks of one metric and scope.

    Args:
        groups: all groups of the table.
        rows: of the summary.
        sign: 1 if higher is better, else -1.
        share: of the level, for one of several looks at the results.
    """
    against = [group for group in groups if group.kind == BASELINE]
    layouts = [group.layout for group in against]
    corrected = table_pvalues([group.pvalues / share for group in against], layouts)
    equivalent = table_pvalues([group.equivalent / share for group in against], layouts)
    first, later = table_factors(layouts)
    factors = first / share, later / share
    for group, p, same in zip(against, corrected, equivalent, strict=True):
        needed = errors_needed(group.layout, factors)
        for index, place in enumerate(group.rows):
            words = verdict(float(group.mean[index]), float(p[index]), float(same[index]), sign)
            claims = {"p_family": p[index], "p_equivalent": same[index], "needed": needed[index], "verdict": words}
            rows[place] |= claims | {"significant": bool(p[index] < ALPHA)}
    for group in against:
        for number in np.flatnonzero(np.array(group.layout.primary, bool)):
            index = int(number)
            row = rows[group.rows[index]]
            row["detectable"] = detectable(Situation.estimated(group, index, float(row["sigma_rest"]), factors[0]))
    for kind, field in ((RIVAL, "best_significant"), (SECOND, "second_significant")):
        _mark([group for group in groups if group.kind == kind], rows, sign, share, field)


def _mark(groups: Sequence[Judged], rows: list[dict[str, Any]], sign: float, share: float, field: str) -> None:
    """Mark the best or second best of each column if it beats every other method, as the rule for the table has it.

    The second best is compared with the best too, and corrected for that, but need not beat it.

    A number that is bold has its star as well, or, being the baseline's, all others have theirs; so no table without
    any true difference has a bold number that has no false star beside it.
    """
    beaten: dict[int, dict[int, bool]] = {}
    methods: dict[int, int] = {}
    pvalues = table_pvalues([group.pvalues / share for group in groups], [group.layout for group in groups])
    for group, p in zip(groups, pvalues, strict=True):
        won = (p < ALPHA) & (sign * group.mean < 0)
        beaten.setdefault(group.centre, {}).update(zip(group.rows, won.tolist(), strict=True))
        methods[group.centre] = group.methods
    for best, others in beaten.items():
        starred = [rows[place]["significant"] for place in ([best] if rows[best]["role"] else others)]
        beats = [won for place, won in others.items() if field == "best_significant" or not rows[place]["best"]]
        rows[best][field] = len(others) == methods[best] - 1 and len(beats) > 0 and all(beats) and all(starred)
