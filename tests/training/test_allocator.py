"""The C library takes the setting, and large tensors stop costing page faults."""

from __future__ import annotations

import subprocess
import sys

import pytest

from harness.training.allocator import keep_freed_memory

PROGRAM = """
import resource, sys, torch
from harness.training.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
for repetition in range(24):  # an aligned block does not always fit where one as large was freed: about eight turns
    torch.ones(16_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for repetition in range(4):
    torch.ones(16_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(choice: str) -> int:
    command = [sys.executable, "-c", PROGRAM, choice]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not keep_freed_memory(), reason="the C library is not glibc")
def test_freed_memory_is_used_again() -> None:
    assert faults("keep") * 4 < faults("default")
