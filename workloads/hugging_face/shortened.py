"""The default config of a model type, cut down to two layers: what the census builds."""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedConfig

#: Fields that hold a number of layers.
LAYERS = (
    *("num_hidden_layers", "num_layers", "n_layer", "n_layers", "encoder_layers", "decoder_layers"),
    *("num_encoder_layers", "num_decoder_layers", "num_hidden_groups", "encoder_num_hidden_layers"),
    *("decoder_num_hidden_layers", "depth", "num_hidden_layers_encoder", "text_layers", "vision_layers"),
)

KEPT = 2


def shortened(config: PreTrainedConfig) -> PreTrainedConfig:
    """Cut a config and those within it to two layers, of two types where it has several; return it."""
    for name in config.sub_configs:
        part = getattr(config, name, None)
        if isinstance(part, PreTrainedConfig):
            shortened(part)
    lengths = {
        value for name in LAYERS if isinstance(value := getattr(config, name, None), int) and value > KEPT
    }
    for name in LAYERS:
        if isinstance(getattr(config, name, None), int) and getattr(config, name) in lengths:
            setattr(config, name, KEPT)
    places = _places(config)
    for name, value in list(vars(config).items()):
        if isinstance(value, (list, tuple)) and len(value) in lengths and len(value) > KEPT:
            setattr(config, name, type(value)(value[place] for place in places))
    return config


def _places(config: PreTrainedConfig) -> list[int]:
    """Return the layers that are kept: the first of each of two types, in order."""
    types: Any = getattr(config, "layer_types", None) or ()
    firsts = sorted({kind: place for place, kind in reversed(list(enumerate(types)))}.values())
    return (firsts + [place for place in range(KEPT) if place not in firsts])[:KEPT]
