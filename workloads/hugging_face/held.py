"""Models of transformers in the user's own: in a run they attend through this package's functions, too."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from torch import nn

if TYPE_CHECKING:
    from tandemsim.workloads.hugging_face.marked_masks import Note


@contextmanager
def held_models(module: nn.Module, note: Note) -> Iterator[None]:
    """Let the models that `module` is or holds compute as ``transformers:NAME`` does; `note` takes lines.

    So keys and values are not kept unless the module asks for them. Their configs are as before afterwards.
    """
    library = sys.modules.get("transformers.modeling_utils")
    models = [] if library is None else _models(module, library.PreTrainedModel)
    if not models:
        yield
        return
    from tandemsim.workloads.hugging_face.registrations import NAME, interfaces

    with ExitStack() as stack:
        stack.enter_context(interfaces(note))
        for model in models:
            stack.enter_context(patch.multiple(model.config, **_settings(model, NAME, note)))
        yield


def _models(module: nn.Module, kind: type[Any]) -> list[Any]:
    """Return the models, unless they were built to compute as ``transformers:NAME`` does."""
    from tandemsim.workloads.hugging_face.registrations import is_registered

    return [] if is_registered() else [part for part in module.modules() if isinstance(part, kind)]


def _settings(model: Any, name: str, note: Note) -> dict[str, Any]:
    """Return what a model's config holds in a run."""
    settings: dict[str, Any] = {"_experts_implementation_internal": name}
    if hasattr(model.config, "use_cache"):
        settings["use_cache"] = False
    if model._can_set_attn_implementation():
        settings["_attn_implementation_internal"] = name
    else:
        note(f"{type(model).__name__} does not use transformers' attention interface")
    return settings
