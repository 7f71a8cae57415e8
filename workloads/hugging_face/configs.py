"""The config of a model of transformers, from a preset or the defaults of its type, with fields replaced."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import transformers
from transformers import PreTrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

from tandemsim.sim.arch.checks import ConfigError, nearest
from tandemsim.workloads.hugging_face.presets import find, presets

#: The field of a config file that names the class of the model.
ARCHITECTURES = "architectures"

#: Fields of published config files that transformers reads as others.
OLD_FIELDS = ("rope_theta", "rope_scaling", "torch_dtype")


@dataclass(frozen=True, slots=True)
class Described:
    """A model that can be built: its config, its class, and where the config is from."""

    name: str
    config: PreTrainedConfig
    architecture: type[Any]
    source: str


def described(name: str, replaced: Mapping[str, Any] | None = None) -> Described:
    """Return what `name` stands for: a preset, or a model type such as ``mistral`` with its default config.

    `replaced` are fields of the config, as in a ``config.json``; those of a config within it are an object of
    their own. Raises `ConfigError` for a name or a field that does not exist, naming the nearest, and for
    values that the config class refuses.
    """
    replaced = dict(replaced or {})
    preset = find(name)
    version = f"transformers {transformers.__version__}"
    if preset is not None:
        name, stated = preset
        model_type, fields, chosen = stated.model_type, dict(stated.config), stated.architecture
        source = stated.source
    elif name in CONFIG_MAPPING:
        model_type, fields, chosen = name, {}, _default_class(name)
        source = f"the default config of {name} in {version}"
    else:
        raise ConfigError(nearest("preset or model type", name, [*presets(), *CONFIG_MAPPING]))
    if stated_class := replaced.pop(ARCHITECTURES, None):
        chosen = stated_class[0] if isinstance(stated_class, list) else stated_class
    _check_fields(replaced, CONFIG_MAPPING[model_type]())
    config = _config(CONFIG_MAPPING[model_type], _merged(fields, replaced))
    return Described(name, config, _class(chosen, model_type), source)


def _default_class(model_type: str) -> str:
    names = MODEL_MAPPING_NAMES.get(model_type)
    if names is None:
        raise ConfigError(
            f"model type {model_type} has no model of its own; state {ARCHITECTURES} in --config"
        )
    return names if isinstance(names, str) else str(names[0])


def _class(name: Any, model_type: str) -> type[Any]:
    found = _named(name, model_type) if isinstance(name, str) else None
    if not isinstance(found, type) or not issubclass(found, transformers.PreTrainedModel):
        near = [key for key in dir(transformers) if key.lower().startswith(model_type.replace("_", "")[:4])]
        raise ConfigError(nearest("class of model", str(name), near or [_default_class(model_type)]))
    return found


def _named(name: str, model_type: str) -> Any:
    """Return the class of a name, also one that only the file of its model has, such as an encoder."""
    found = getattr(transformers, name, None)
    if found is None and model_type in MODEL_MAPPING_NAMES:
        own = inspect.getmodule(getattr(transformers, _default_class(model_type)))
        found = getattr(own, name, None)
    return found


def _merged(fields: Mapping[str, Any], replaced: Mapping[str, Any]) -> dict[str, Any]:
    """Return `fields` with those in `replaced`; objects are merged field by field."""
    result = dict(fields)
    for key, value in replaced.items():
        inner = result.get(key)
        if isinstance(inner, Mapping) and isinstance(value, Mapping):
            result[key] = _merged(inner, value)
        else:
            result[key] = value
    return result


def _set_by_properties(config_class: type[Any]) -> list[str]:
    """Return the fields that a config has beside those of its file, such as ``num_labels``."""
    found = inspect.getmembers(config_class, lambda value: isinstance(value, property))
    return [name for name, value in found if value.fset is not None and not name.startswith("_")]


def _config(config_class: type[Any], fields: Mapping[str, Any]) -> PreTrainedConfig:
    try:
        config: PreTrainedConfig = config_class(**fields)
    except Exception as error:  # the classes raise errors of many types
        text = " ".join(str(error).split())
        raise ConfigError(f"{config_class.__name__} refuses these values: {text}") from error
    return config


def _check_fields(replaced: Mapping[str, Any], default: PreTrainedConfig, where: str = "") -> None:
    """Raise `ConfigError` for a field that the config class does not have."""
    known = {*default.to_dict(), *default.attribute_map, *OLD_FIELDS, *_set_by_properties(type(default))}
    text = inspect.getsource(type(default))  # a class reads fields of older files by their names
    for key, value in replaced.items():
        if key not in known and f'"{key}"' not in text:
            raise ConfigError(nearest(f"field of {type(default).__name__}", f"{where}{key}", sorted(known)))
        inner = getattr(default, key, None)
        if isinstance(inner, PreTrainedConfig) and isinstance(value, Mapping):
            _check_fields(value, inner, f"{where}{key}.")
