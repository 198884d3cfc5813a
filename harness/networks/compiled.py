"""Compilation of networks that carry hooks."""

from __future__ import annotations

from typing import cast

import torch
import torch._dynamo.config
from torch import nn


def compile_network(network: nn.Module, backend: str = "inductor", fullgraph: bool = False) -> nn.Module:
    """Return ``network``, compiled with its hooks; it shares the weights of ``network``.

    Attach regularizers and run one training step on ``network`` itself before the first call: hooks make their buffers
    then.

    torch.compile keeps graphs by the code of ``forward`` and does not look at hooks when it takes one from there, so a
    second network of the same class in the same process would silently run without its regularizer, or with another
    one's. This makes it look.

    Args:
        network: on its final device.
        backend: of torch.compile.
        fullgraph: raise where the network cannot be traced as a whole, instead of compiling it in parts.
    """
    torch._dynamo.config.skip_nnmodule_hook_guards = False
    return cast(nn.Module, torch.compile(network, backend=backend, fullgraph=fullgraph, dynamic=False))
