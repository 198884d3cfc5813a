"""Arguments that several benchmarks share."""

from __future__ import annotations

import argparse


def positive(text: str) -> int:
    """Return a whole number of at least 1, for argparse.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number, 1 or more")
    return int(text)
