"""Lengths of time in words: what people read beside a percentage."""

from __future__ import annotations

_MINUTE, _HOUR, _DAY = 60, 3600, 86400  # seconds


def shown(seconds: float) -> str:
    """Return a length of time with the two units that matter: ``45 s``, ``12 min``, ``3 h 05 min``, ``2 d 4 h``."""
    if seconds < 100:
        return f"{max(seconds, 0):.0f} s"
    if seconds < 100 * _MINUTE:
        return f"{seconds / _MINUTE:.0f} min"
    if seconds < 2 * _DAY:
        hours, minutes = divmod(round(seconds / _MINUTE), 60)
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(round(seconds / _HOUR), 24)
    return f"{days} d {hours} h"
