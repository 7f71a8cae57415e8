"""What can be exported: a registered model by name, or the user's own as ``module:callable``."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from tandemsim import traces
from tandemsim.sim.arch.checks import ConfigError, UserError, nearest
from tandemsim.workloads.inputs import InputSpec
from tandemsim.workloads.registry import WORKLOADS, Workload

DATA = Path(traces.__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Target:
    """What to export, where it comes from if not from the registry, and its trace file by default."""

    workload: Workload
    origin: str
    out: Path


def resolve(name: str, inputs: tuple[InputSpec, ...] = ()) -> Target:
    """Return what `name` stands for. `inputs` replace those of a registered model; other models need them.

    Raises `ConfigError` for a name that does not exist, naming the nearest.
    """
    if ":" not in name:
        if name not in WORKLOADS:
            raise ConfigError(nearest("model", name, WORKLOADS))
        workload = WORKLOADS[name]
        return Target(replace(workload, inputs=inputs or workload.inputs), "", DATA / f"{name}.json")
    if not inputs:
        raise ConfigError(f"{name} needs an --input for each argument, such as --input 1x3x224x224")
    module, _, attribute = name.partition(":")
    build = _imported(module, attribute)
    workload = Workload(name=attribute, summary="", build=build, inputs=inputs, configuration={})
    return Target(workload, name, Path(f"{attribute}.json"))


def build_module(workload: Workload) -> nn.Module:
    """Build the model, ready for inference. Raises `ConfigError` if that fails or gives something else."""
    try:
        module = workload.build()
    except UserError:
        raise
    except Exception as error:  # the user's code may raise anything
        raise ConfigError(f"building {workload.name} failed: {type(error).__name__}: {error}") from error
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
    callables = {name: value for name, value in vars(imported).items() if callable(value)}
    if attribute not in callables:
        public = [name for name in callables if not name.startswith("_")]
        raise ConfigError(nearest(f"callable of {module}", attribute, public))
    return callables[attribute]
