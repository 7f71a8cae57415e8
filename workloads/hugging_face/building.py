"""Builds a model of transformers on `meta`, with this package's attention and experts where it takes them."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn
from transformers import PreTrainedConfig
from transformers.models.auto.modeling_auto import MODEL_MAPPING

from tandemsim.sim.arch.checks import ConfigError, UserError
from tandemsim.workloads.hugging_face.marked_masks import Note
from tandemsim.workloads.hugging_face.registrations import NAME


def build(
    architecture: type[Any], config: PreTrainedConfig, note: Note, *, use_cache: bool = False
) -> nn.Module:
    """Return the model in inference, on the device that is set. Call it within `registrations.interfaces`.

    Only classes that attend through transformers' interface get this package's attention: others read the
    values of their masks. A class with a table of its own refuses it and keeps its default. `note` is told.
    Without `use_cache`, the keys and values of a run are not kept. Raises `ConfigError` for what cannot be
    built.
    """
    fitted = copy.deepcopy(config)
    _each(fitted, lambda part: _set_cache(part, use_cache))
    _each(fitted, _take_experts)
    _take_attention(fitted, architecture, note)
    try:
        return _made(architecture, fitted)
    except KeyError as error:
        if NAME not in str(error):
            raise ConfigError(_failed(architecture, error)) from error
    except UserError:
        raise
    except Exception as error:  # the classes raise errors of many types
        raise ConfigError(_failed(architecture, error)) from error
    note(f"{architecture.__name__} has attention classes of its own and is traced with the default ones")
    _each(fitted, _default_attention)
    try:
        return _made(architecture, fitted)
    except Exception as error:
        raise ConfigError(_failed(architecture, error)) from error


def _made(architecture: type[Any], config: PreTrainedConfig) -> nn.Module:
    model: nn.Module = architecture._from_config(copy.deepcopy(config))
    return model.eval()


def _failed(architecture: type[Any], error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"building {architecture.__name__} failed: {type(error).__name__}: {text}"


def _each(config: PreTrainedConfig, change: Any) -> None:
    """Call `change` with a config and every config within it."""
    change(config)
    for name in config.sub_configs:
        part = getattr(config, name, None)
        if isinstance(part, PreTrainedConfig):
            _each(part, change)


def _set_cache(config: PreTrainedConfig, use_cache: bool) -> None:
    if hasattr(config, "use_cache"):
        config.use_cache = use_cache


def _take_experts(config: PreTrainedConfig) -> None:
    config._experts_implementation_internal = NAME


def _default_attention(config: PreTrainedConfig) -> None:
    config._attn_implementation_internal = None


def _take_attention(config: PreTrainedConfig, architecture: type[Any] | None, note: Note) -> None:
    """Set the attention of a config and of those within it, each by the class that it is for."""
    takes = architecture is None or architecture._can_set_attn_implementation()
    if architecture is not None and not takes:
        note(f"{architecture.__name__} does not use transformers' attention interface")
    config._attn_implementation_internal = NAME if takes else None
    for name in config.sub_configs:
        part = getattr(config, name, None)
        if isinstance(part, PreTrainedConfig):
            _take_attention(part, _class_of(part), note)


def _class_of(config: PreTrainedConfig) -> type[Any] | None:
    try:
        found = MODEL_MAPPING[type(config)]
    except (KeyError, ValueError):
        return None
    return found[0] if isinstance(found, (tuple, list)) else found
