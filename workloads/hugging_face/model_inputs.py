"""Inputs of a model of transformers where the command line gives none, by the class and its config."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from torch import nn
from transformers import PreTrainedConfig

from tandemsim.sim.arch.checks import ConfigError, UserError
from tandemsim.workloads.inputs import Arguments, InputSpec
from tandemsim.workloads.recorder import Recorder
from tandemsim.workloads.tracer import run

#: Tokens of a text. Assumed; fewer where the model's positions end earlier.
TOKENS = 512

#: Frames of speech features, samples of a sound, frames of a video, side of an image. Assumed.
FRAMES, SAMPLES, PICTURES, SIDE = 1000, 32_000, 8, 224

#: Inputs that a model may need beside its main one.
OTHERS = ("input_ids", "pixel_values", "input_values", "input_features", "decoder_input_ids")

#: Fields that hold the length of one vector of speech features, the first that a config has.
FEATURES = (
    "num_mel_bins",
    "feature_size",
    "input_feat_per_channel",
    "feature_projection_input_dim",
    "input_size",
)


def default_inputs(
    module: nn.Module, architecture: type[Any], config: PreTrainedConfig, tokens: int = TOKENS
) -> dict[str, InputSpec]:
    """Return inputs by name that the model takes: of batch 1, as long as `tokens` or its own sizes say.

    They are tried on the `module`, on `meta`: its main input alone, then with others that it has arguments
    for. Raises `ConfigError` for a model whose inputs do not follow from its config.
    """
    complaint = ""
    for names in _candidates(architecture, config):
        inputs = {name: _one(name, architecture, config, tokens) for name in names}
        recorder = Recorder(collect=True)
        try:
            run(recorder, module, [], Arguments(named=inputs).meta()[1], architecture.__name__)
        except ConfigError as error:
            if isinstance(error.__cause__, (UserError, NotImplementedError)):
                return inputs  # the model wants values: these inputs are right
            complaint = complaint or str(error)
        else:
            return inputs
    raise ConfigError(f"{architecture.__name__} needs an --input NAME=SHAPE for each argument: {complaint}")


def _candidates(architecture: type[Any], config: PreTrainedConfig) -> Iterator[tuple[str, ...]]:
    """Yield sets of inputs, small ones first."""
    main = architecture.main_input_name
    first = [main] if isinstance(main, str) else list(main)
    taken = inspect.signature(architecture.forward).parameters
    if config.is_encoder_decoder and "decoder_input_ids" in taken:
        first.append("decoder_input_ids")
    others = [name for name in OTHERS if name in taken and name not in first]
    for count in range(len(others) + 1):
        for more in combinations(others, count):
            yield (*first, *more)


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
