"""Inputs of a model of transformers where the command line gives none, by the class and its config."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from transformers import PreTrainedConfig

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.workloads.inputs import InputSpec

#: Tokens of a text. Assumed; fewer where the model's positions end earlier.
TOKENS = 512

#: Frames of speech features, samples of a sound, frames of a video, side of an image. Assumed.
FRAMES, SAMPLES, PICTURES, SIDE = 1000, 32_000, 8, 224

#: Fields that hold the length of one vector of speech features, the first that a config has.
FEATURES = (
    "num_mel_bins",
    "feature_size",
    "input_feat_per_channel",
    "feature_projection_input_dim",
    "input_size",
)


def default_inputs(
    architecture: type[Any], config: PreTrainedConfig, tokens: int = TOKENS
) -> dict[str, InputSpec]:
    """Return the inputs by name: of batch 1, and as long as `tokens` or the model's own sizes say.

    Raises `ConfigError` for a model whose inputs do not follow from its config.
    """
    taken = inspect.signature(architecture.forward).parameters
    main = architecture.main_input_name
    names = [main] if isinstance(main, str) else list(main)
    names += [name for name in ("input_ids", "decoder_input_ids") if name in taken and _needs(name, config)]
    return {name: _one(name, architecture, config, tokens) for name in dict.fromkeys(names)}


def _needs(name: str, config: PreTrainedConfig) -> bool:
    """Return whether a model with this argument does not run without it."""
    if name == "decoder_input_ids":
        return bool(config.is_encoder_decoder)
    return any(part is not config and _has(part, "vocab_size") for part in _parts(config))


def _one(name: str, architecture: type[Any], config: PreTrainedConfig, tokens: int) -> InputSpec:
    if name in ("input_ids", "decoder_input_ids"):
        length = min(tokens, _field(config, "max_position_embeddings", "n_positions", default=tokens))
        return InputSpec(
            shape=(1, max(length, 1)), dtype="int64", end=_field(config, "vocab_size", default=2)
        )
    if name in ("pixel_values", "pixel_values_videos"):
        channels = _field(config, "num_channels", "in_channels", "in_chans", default=3)
        height, width = _image(config)
        frames = (_field(config, "num_frames", "frames_per_clip", default=PICTURES),)
        video = name.endswith("videos") or _has(config, "num_frames")
        return InputSpec(shape=(1, *(frames if video else ()), channels, height, width))
    if name == "input_features":
        size = _field(config, *FEATURES, default=80)
        if _has(config, "max_source_positions") and not _has(config, "input_feat_per_channel"):
            return InputSpec(shape=(1, size, 2 * _field(config, "max_source_positions", default=FRAMES // 2)))
        return InputSpec(shape=(1, FRAMES, size))
    if name == "input_values":
        if _has(config, "num_mel_bins"):
            return InputSpec(
                shape=(1, _field(config, "max_length", default=FRAMES), _field(config, *FEATURES))
            )
        channel = (1,) if _has(config, "audio_channels") else ()
        return InputSpec(shape=(1, *channel, SAMPLES))
    raise ConfigError(f"{architecture.__name__} takes {name}: give its shape with --input {name}=SHAPE")


def _parts(config: PreTrainedConfig) -> Iterator[PreTrainedConfig]:
    """Yield a config and all within it."""
    yield config
    for name in config.sub_configs:
        part = getattr(config, name, None)
        if isinstance(part, PreTrainedConfig):
            yield from _parts(part)


def _has(config: PreTrainedConfig, name: str) -> bool:
    return isinstance(getattr(config, name, None), int)


def _field(config: PreTrainedConfig, *names: str, default: int = 0) -> int:
    """Return the first of these fields that a config, or one within it, has as a positive number."""
    for part in _parts(config):
        for name in names:
            value = getattr(part, name, None)
            if isinstance(value, int) and value > 0:
                return value
    return default


def _image(config: PreTrainedConfig) -> tuple[int, int]:
    for part in _parts(config):
        size = getattr(part, "image_size", None) or getattr(part, "input_size", None)
        if isinstance(size, dict):
            size = [size.get("height", SIDE), size.get("width", SIDE)]
        if isinstance(size, (list, tuple)) and len(size) == 2:
            return int(size[0]), int(size[1])
        if isinstance(size, int):
            return size, size
    return SIDE, SIDE
