"""All layers of a model quantized: at few bits first, then those that a rule escalates at eight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tandemsim.sim.quantize.escalation import Chosen, LayerError
from tandemsim.sim.quantize.rule import Rule
from tandemsim.sim.quantize.tensors import Quantized, quantize_activation, quantize_weight
from tandemsim.workloads.quantize.model import Layer, Model

INPUT = ": input"  # ends the name of a layer's activation


@dataclass(frozen=True, kw_only=True)
class QuantizedLayer:
    """A layer and what its tensors became."""

    layer: Layer
    weight: Quantized
    activation: Quantized | None
    escalated: bool = False

    @property
    def tensors(self) -> list[tuple[str, Quantized]]:
        """Return each tensor with its role."""
        return [("weight", self.weight), *([("activation", self.activation)] if self.activation else [])]

    @property
    def error(self) -> LayerError:
        """What decides about its escalation."""
        tensors = [tensor for _, tensor in self.tensors]
        return LayerError(sum(t.mse for t in tensors), sum(t.relative_error for t in tensors))


def quantize_model(model: Model, rule: Rule, escalate: Chosen | None = None) -> list[QuantizedLayer]:
    """Quantize each layer. Raises `ConfigError` that names a tensor, or a layer that does not exist."""
    layers = [quantize_layer(layer, rule) for layer in model.layers]
    chosen: Sequence[int] = escalate([each.error for each in layers]) if escalate else ()
    for index in chosen:
        layers[index] = quantize_layer(model.layers[index], rule.escalated(), escalated=True)
    return layers


def quantize_layer(layer: Layer, rule: Rule, escalated: bool = False) -> QuantizedLayer:
    """Quantize weight and activation of a layer."""
    activation = None
    if layer.activation is not None:
        activation = quantize_activation(layer.name + INPUT, layer.activation, rule, layer.channels)
    weight = quantize_weight(layer.weight_name, layer.weight, rule)
    return QuantizedLayer(layer=layer, weight=weight, activation=activation, escalated=escalated)
