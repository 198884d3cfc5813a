"""``python -m tests.emulated LIBRARY OUTPUT [PREFIX]``: run every case on the pretended device, write what was found.

With a prefix, only the cases whose names begin with it.

The library has to be there before torch looks for CUDA's, which it does once.
"""

from __future__ import annotations

import ctypes
import json
import sys
from pathlib import Path


def main(library: str, output: str, prefix: str = "") -> None:
    """Load the device, measure, write JSON."""
    ctypes.CDLL(library, ctypes.RTLD_GLOBAL)
    from tests.emulated.cases import measure

    Path(output).write_text(json.dumps(measure(prefix)))


if __name__ == "__main__":
    main(*sys.argv[1:])
