"""What can be exported: a registered model by name, or the user's own as ``module:callable``."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from tandemsim import traces
from tandemsim.sim.arch.checks import ConfigError, UserError, nearest, require
from tandemsim.sim.shell.command_line import installed_by
from tandemsim.workloads.inputs import Arguments
from tandemsim.workloads.registry import WORKLOADS
from tandemsim.workloads.workload import Workload

NO_ARGUMENTS = Arguments()
DATA = Path(traces.__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Target:
    """What to export, where it comes from if not from the registry, and its trace file by default."""

    workload: Workload
    origin: str
    out: Path


#: Begins the name of a model of Hugging Face's transformers.
HUGGING_FACE = "transformers:"


def resolve(
    name: str, inputs: Arguments = NO_ARGUMENTS, config: str | None = None, decode: str | None = None
) -> Target:
    """Return what `name` stands for. `inputs` replace those of a registered model; other models need them.

    `config` (a JSON object, or a file of one) and `decode` (``BATCH,LENGTH``) are for models of transformers,
    whose inputs follow from their config unless some are given. Raises `ConfigError` for a name that does not
    exist, naming the nearest.
    """
    if name.startswith(HUGGING_FACE):
        return _of_transformers(name.removeprefix(HUGGING_FACE), inputs, config, decode)
    for option, value in (("--config", config), ("--decode", decode)):
        require(value is None, f"{option} must be with a model {HUGGING_FACE}NAME", name)
    if name.endswith(".onnx"):
        raise ConfigError(f"{name} is an ONNX model: python -m workloads.onnx {name} --out FILE.json")
    if ":" not in name:
        module = name.removesuffix(".py")
        if name not in WORKLOADS and Path(f"{module}.py").is_file():
            raise ConfigError(f"{name} is a module: name what builds the model in it, {module}:CALLABLE")
        if name not in WORKLOADS:
            raise ConfigError(nearest("model", name, WORKLOADS))
        workload = WORKLOADS[name].workload()
        return Target(replace(workload, inputs=inputs or workload.inputs), "", DATA / f"{name}.json")
    if not inputs:
        raise ConfigError(f"{name} needs an --input for each argument, such as --input 1x3x224x224")
    module, _, attribute = name.partition(":")
    build = _imported(module.removesuffix(".py"), attribute)
    workload = Workload(name=attribute, summary="", build=build, inputs=inputs, configuration={})
    return Target(workload, name, Path(f"{attribute}.json"))


def _of_transformers(name: str, inputs: Arguments, config: str | None, decode: str | None) -> Target:
    with installed_by("workloads", "pip install 'tandemsim[models]'"):
        from tandemsim.workloads.hugging_face.workload import Decode, hugging_face
    step = None if decode is None else Decode(*_batch_and_length(decode))
    if step and inputs:
        raise ConfigError("--decode says all inputs: leave --input out")
    workload = hugging_face(name, {} if config is None else _fields(config), inputs, step)
    file = re.sub(r"[^a-z0-9.]+", "-", workload.name.rpartition("/")[2].lower())
    return Target(workload, f"{HUGGING_FACE}{name}", Path(f"{file}{'-decode' if step else ''}.json"))


def _fields(config: str) -> dict[str, Any]:
    text = config if config.lstrip().startswith("{") else _text_of(Path(config))
    try:
        fields = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"--config must be a JSON object, or a file of one: {error}") from None
    require(isinstance(fields, dict), "--config must be a JSON object", type(fields).__name__)
    return dict(fields)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"--config must be a JSON object, or a file of one: {path}: {reason}") from None


def _batch_and_length(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d*),([1-9]\d*)", text)
    if match is None:
        raise ConfigError(f"--decode takes BATCH,CACHE_LEN, such as 4,1024, not {text!r}")
    return int(match[1]), int(match[2])


def build_module(workload: Workload) -> nn.Module:
    """Build the model, ready for inference. Raises `ConfigError` if that fails or gives something else."""
    try:
        module = workload.build()
    except UserError:
        raise
    except Exception as error:  # the user's code may raise anything
        text = f"building {workload.name} failed: {type(error).__name__}: {error}"
        if "meta" in str(error):
            text += "; a trace needs no weights: build the model from its config, as Model(config)"
        raise ConfigError(text) from error
    if not isinstance(module, nn.Module):
        raise ConfigError(f"{workload.name} must return a torch.nn.Module, not {type(module).__name__}")
    return module.eval()


def _imported(module: str, attribute: str) -> Callable[[], Any]:
    sys.path.insert(0, "")  # the user's module may lie in the folder that the command is run from
    try:
        imported = importlib.import_module(module)
    except Exception as error:  # the user's code may raise anything
        raise ConfigError(f"importing {module} failed: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove("")
    if isinstance(vars(imported).get(attribute), nn.Module):  # a model as it is
        return lambda: vars(imported)[attribute]
    callables = {name: value for name, value in vars(imported).items() if callable(value)}
    if attribute not in callables:
        public = [name for name in callables if not name.startswith("_")]
        raise ConfigError(nearest(f"callable of {module}", attribute, public))
    return callables[attribute]
