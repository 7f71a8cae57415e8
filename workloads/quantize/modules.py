"""The layers of a PyTorch module, with what each is given in one run: linear ones, convolutions, attention's
input projection."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from tandemsim.sim.arch.checks import ConfigError, shown
from tandemsim.traces.schema import Trace
from tandemsim.workloads.quantize.model import Layer, Model

#: Modules with a `weight`, and the dimension of their input that it reduces.
REDUCED: Mapping[type[nn.Module], int] = {nn.Linear: -1, nn.Conv1d: 1, nn.Conv2d: 1}


def read_module(
    module: nn.Module,
    listed: Sequence[Any],
    named: Mapping[str, Any],
    name: str,
    trace: Callable[[], Trace],
    notes: Sequence[str] = (),
) -> Model:
    """Return the layers of `module`, in the order in which ``module(*listed, **named)`` runs them.

    Of a layer that is called several times the first input counts. Raises `ConfigError` if the run fails.
    """
    module.eval()
    with inputs_of(module) as seen, torch.no_grad():
        try:
            module(*listed, **named)
        except Exception as error:  # the user's code may raise anything
            raise ConfigError(f"running {name} failed: {type(error).__name__}: {error}") from error
    layers: list[Layer] = []
    found = dict(weights_of(module))
    taken: set[int] = set()
    for layer in [*seen, *(each for each in found if each not in seen)]:
        weight_name, weight, channels = found[layer]
        if id(weight) in taken:  # shared with an earlier layer
            continue
        taken.add(id(weight))
        given = seen.get(layer)
        layers.append(
            Layer(
                name=layer,
                weight_name=weight_name,
                weight=_array(weight_name, weight),
                activation=None if given is None else _array(layer, given),
                channels=channels,
            )
        )
    weights = {layer.weight_name for layer in layers}
    left = [each for each, _ in module.named_parameters() if each not in weights]
    unused = [each for each in found if each not in seen]
    noted = [*notes, *([f"not run, so without an input: {', '.join(unused)}"] if unused else [])]
    return Model(name=name, layers=layers, left=left, notes=noted, trace=trace)


def weights_of(module: nn.Module) -> Iterator[tuple[str, tuple[str, nn.Parameter, int]]]:
    """Yield each layer's name, with the name of its weight, the weight, and the reduced dimension."""
    for name, child in module.named_modules():
        prefix = f"{name}." if name else ""
        if isinstance(child, nn.MultiheadAttention) and child.in_proj_weight is not None:
            yield f"{prefix}in_proj", (f"{prefix}in_proj_weight", child.in_proj_weight, -1)
        for kind, channels in REDUCED.items():
            if isinstance(child, kind):
                yield name, (f"{prefix}weight", child.get_parameter("weight"), channels)


@contextmanager
def inputs_of(module: nn.Module) -> Iterator[dict[str, torch.Tensor]]:
    """Collect the first input of each layer by name, while the module runs."""
    seen: dict[str, torch.Tensor] = {}
    layers = dict(weights_of(module))
    hooks = []
    for name, child in module.named_modules():
        layer = f"{name}." * bool(name) + "in_proj" if isinstance(child, nn.MultiheadAttention) else name
        if layer in layers:

            def note(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], layer: str = layer) -> None:
                given = args[0] if args else kwargs.get("input", kwargs.get("query"))
                if layer not in seen and isinstance(given, torch.Tensor):
                    seen[layer] = given.detach()

            hooks.append(child.register_forward_pre_hook(note, with_kwargs=True))
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _array(name: str, tensor: torch.Tensor) -> Any:
    if tensor.is_meta:
        raise ConfigError(f"tensor {shown(name)} has no values, as it is on the `meta` device")
    return tensor.detach().cpu().to(torch.float32 if tensor.dtype is torch.bfloat16 else tensor.dtype).numpy()
