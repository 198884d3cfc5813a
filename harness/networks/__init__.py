"""Super-resolution networks: built by import path, tapped by module path, saved as safetensors.

A network of one's own is any ``torch.nn.Module``. It needs nothing of the harness but, if it likes,
:class:`HarnessError` for what its user can mend.
"""

from __future__ import annotations

from harness.foundation.errors import HarnessError

__all__ = ["HarnessError"]
