"""From rows to claims: paired comparisons, their intervals and tests."""
