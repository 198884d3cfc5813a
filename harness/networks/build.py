"""Networks by import path, with initial weights that are a function of the seed."""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

import harness.foundation.compat  # noqa: F401
from harness.foundation.errors import HarnessError
from harness.foundation.rng import derive_key
from harness.networks.stand_ins import STAND_INS
from harness.networks.taps import find
from harness.spec import RELEASED_UPCONV, NetworkSpec


def build_network(spec: NetworkSpec, seed: int) -> nn.Module:
    """Build a network on the CPU, in training mode.

    The initial weights are a function of ``spec`` and ``seed`` alone, so all regularizers start from the same ones.
    The global random state is left as it was.

    Args:
        spec: import path, arguments, taps and initialization.
        seed: of the run.

    Raises:
        HarnessError: the path leads to no class, or the class does not take the arguments.
    """
    network_class = import_network(spec.path)
    _check_arguments(network_class, spec)
    with torch.random.fork_rng(devices=[]):
        _seed_draws("network init", seed)
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "torch.meshgrid")  # in BasicSR's SwinIR
                network = network_class(**spec.arguments)
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise HarnessError(f"networks: {spec.path}: arguments {spec.arguments}: {reason}") from error
        if spec.initialization in ("pytorch", "released"):
            _reset_blocks(network, spec)
        if spec.initialization in RELEASED_UPCONV:
            _reset_upconv(network, spec, seed)
        if spec.initialization == "zero_last":
            _start_at_the_skip(network, spec)
    return network


def import_network(path: str) -> type[nn.Module]:
    """Return the network class at ``module:Class``; without BasicSR its stand-in, if there is one.

    Raises:
        HarnessError: there is no such module or class, or it is no ``torch.nn.Module``.
    """
    module_name, _, class_name = path.partition(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # a module of others raises anything
        if path in STAND_INS and isinstance(error, ModuleNotFoundError) and error.name == "basicsr":
            return STAND_INS[path]
        reason = " ".join(str(error).split())
        reason = reason if isinstance(error, ImportError) else f"{type(error).__name__}: {reason}"
        raise HarnessError(f"networks: path {path!r}: module {module_name!r} cannot be imported ({reason})") from error
    found = getattr(module, class_name, None)
    if isinstance(found, type) and issubclass(found, nn.Module):
        return found
    classes = [n for n, c in vars(module).items() if isinstance(c, type) and issubclass(c, nn.Module)]
    own = [name for name in classes if vars(module)[name].__module__ == module_name]
    there = ", ".join(own) or "none"
    raise HarnessError(f"networks: path {path!r}: no network class {class_name!r} there; there are: {there}")


def _check_arguments(network_class: type[nn.Module], spec: NetworkSpec) -> None:
    """Refuse unknown and missing arguments, also where the class would swallow them (``**kwargs``)."""
    named = _named_arguments(network_class)
    known = ", ".join(named)
    for name in spec.arguments:
        if named and name not in named:
            raise HarnessError(f"networks: {spec.path}: unknown argument {name!r}; it takes: {known}")
    required = [name for name, default in named.items() if default is inspect.Parameter.empty]
    missing = ", ".join(name for name in required if name not in spec.arguments)
    if missing:
        raise HarnessError(f"networks: {spec.path}: arguments: {missing} required, but not given; it takes: {known}")


def _named_arguments(network_class: type[nn.Module]) -> dict[str, Any]:
    """Return the arguments of a class with their defaults; with ``**kwargs`` those of its parent, too."""
    parameters: Mapping[str, inspect.Parameter] = inspect.signature(network_class).parameters
    variadic = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    named: dict[str, Any] = {name: p.default for name, p in parameters.items() if p.kind not in variadic}
    hands_on = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    parent = next((base for base in network_class.__bases__ if issubclass(base, nn.Module)), nn.Module)
    return {**_named_arguments(parent), **named} if hands_on and parent is not nn.Module else named


def _reset_blocks(network: nn.Module, spec: NetworkSpec) -> None:
    """Give the convolutions of the residual blocks PyTorch's default initialization.

    The blocks are what the ``blocks`` taps name up to their last ``*``: ``body.*`` of ``body.*.conv1:output``.
    """
    if not any("*" in tap for tap in spec.taps.get("blocks", ())):
        needs = f"initialization {spec.initialization!r} needs taps 'blocks' that name blocks by *"
        raise HarnessError(f"networks: {spec.path}: {needs}")
    for tap in spec.taps["blocks"]:
        if "*" in tap:
            for block in find(network, tap[: tap.rindex("*") + 1] + ":output"):
                for module in block.module.modules():
                    if isinstance(module, nn.Conv2d):
                        module.reset_parameters()


def _reset_upconv(network: nn.Module, spec: NetworkSpec, seed: int) -> None:
    """Give the first upsampling convolution PyTorch's default initialization, from random numbers of its own.

    It is therefore the same with ``released_upconv`` and ``released``, and all other layers are what they are without.
    All releases forget it where BasicSR scales initial weights by 0.1.
    """
    found = [point.module for point in find(network, f"{spec.upconv}:output")] if spec.upconv else []
    convolutions = [module for module in found if isinstance(module, nn.Conv2d)]
    if not convolutions:
        needs = f"initialization {spec.initialization!r} needs 'upconv', the path of a convolution"
        raise HarnessError(f"networks: {spec.path}: {needs}, not {spec.upconv!r}")
    _seed_draws("network init/upconv", seed)
    for module in convolutions:
        module.reset_parameters()


def _seed_draws(stream: str, seed: int) -> None:
    """Let modules, which draw from PyTorch's global generator, draw what is a function of stream and seed."""
    torch.default_generator.manual_seed(derive_key(stream, seed) & (2**63 - 1))


def _start_at_the_skip(network: nn.Module, spec: NetworkSpec) -> None:
    """Give every convolution PyTorch's default initialization and the one of role ``last`` zeros.

    What is left of the network is its global skip, and no gradient is small because features are (BasicSR's factor 0.1
    on ten convolutions in a row leaves 3e-5 of them). The idea is that of Fixup (Zhang et al., ICLR 2019, arXiv
    1901.09321): a residual branch that ends in zeros.
    """
    last = [point.module for tap in spec.taps.get("last", ()) for point in find(network, tap)]
    if not last or not all(isinstance(module, nn.Conv2d) for module in last):
        raise HarnessError(
            f"networks: {spec.path}: initialization 'zero_last' needs taps 'last' that name a convolution"
        )
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.reset_parameters()
    with torch.no_grad():
        for parameter in (parameter for module in last for parameter in module.parameters()):
            parameter.zero_()
