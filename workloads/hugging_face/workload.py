"""A model of transformers as a workload: what ``transformers:NAME`` means on the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
import transformers
from torch import nn

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.workloads.hugging_face.building import build
from tandemsim.workloads.hugging_face.configs import Described, described
from tandemsim.workloads.hugging_face.decode import DecodeStep, cached_tensors
from tandemsim.workloads.hugging_face.model_inputs import default_inputs
from tandemsim.workloads.hugging_face.registrations import interfaces
from tandemsim.workloads.hugging_face.steady_sets import steady_sets
from tandemsim.workloads.inputs import Arguments, InputSpec
from tandemsim.workloads.tensors import DTYPES
from tandemsim.workloads.workload import Workload


class Decode(NamedTuple):
    """One step of generation: a new token of each of `batch` texts, `length` tokens of which are cached."""

    batch: int
    length: int


def hugging_face(
    name: str,
    replaced: Mapping[str, Any] | None = None,
    inputs: Arguments | None = None,
    decode: Decode | None = None,
) -> Workload:
    """Return a preset, or a model type with its default config, as a workload; nothing is downloaded.

    `replaced` are fields of the config; without `inputs` they follow from the config. Raises `ConfigError`.
    """
    model = described(name, replaced)
    builder = _Builder(model, decode)
    arguments = builder.step_inputs(decode) if decode is not None else inputs or builder.default_inputs()
    configuration: dict[str, Any] = {
        "architecture": model.architecture.__name__,
        "config": _stated(model),
        "config_source": model.source,
        "transformers": transformers.__version__,
    }
    if decode is not None:
        configuration["decode"] = decode._asdict()
    return Workload(
        name=model.name,
        summary="",
        build=builder.build,
        inputs=arguments,
        configuration=configuration,
        around=builder.around,
    )


class _Builder:
    """Builds the model within the interfaces, which take the lines of one run."""

    def __init__(self, model: Described, decode: Decode | None) -> None:
        self._model, self._decode = model, decode
        self._note: Callable[[str], None] = lambda line: None

    @contextmanager
    def around(self, note: Callable[[str], None]) -> Iterator[None]:
        self._note = note
        with interfaces(note), steady_sets(self._model.architecture):
            yield

    def build(self) -> nn.Module:
        config, architecture = self._model.config, self._model.architecture
        if self._decode is None:
            return build(architecture, config, self._note)
        model = build(architecture, config, self._note, use_cache=True)
        return DecodeStep(model, config, self._decode.length).eval()

    def default_inputs(self) -> Arguments:
        """Return inputs that follow from the config, from runs on `meta`."""
        with self._on_meta(use_cache=False) as model:
            return Arguments(named=default_inputs(model, self._model.architecture, self._model.config))

    def step_inputs(self, decode: Decode) -> Arguments:
        """Return the new tokens and the tensors of the cache, from a run on `meta`."""
        config, name = self._model.config, self._model.architecture.__name__
        if config.is_encoder_decoder:
            raise ConfigError(f"--decode takes a decoder alone, and {name} has an encoder too")
        with self._on_meta(use_cache=True) as model:
            cached = cached_tensors(model, config, decode.batch, decode.length)
        ids = InputSpec(shape=(decode.batch, 1), dtype="int64", end=config.get_text_config().vocab_size)
        return Arguments((ids, *(InputSpec(shape=tuple(t.shape), dtype=DTYPES[t.dtype]) for t in cached)))

    @contextmanager
    def _on_meta(self, use_cache: bool) -> Iterator[nn.Module]:
        """Build the model for a look at it; what is noted then is not."""
        with interfaces(lambda line: None):
            with torch.device("meta"):
                model = build(
                    self._model.architecture, self._model.config, lambda line: None, use_cache=use_cache
                )
            yield model


def _stated(model: Described) -> dict[str, Any]:
    """Return what of the config differs from its class's defaults, as JSON has it."""
    stated: dict[str, Any] = model.config.to_diff_dict()
    if "id2label" in stated:  # the names of the classes: of these, only the number counts
        stated["num_labels"] = model.config.num_labels
    away = ("transformers_version", "_name_or_path", "architectures", "id2label", "label2id")
    return {key: value for key, value in sorted(stated.items()) if key not in away}
