"""The context in which transformers' models compute through this package's attention, masks and experts.

The library has one table for each of these, in its classes; what is registered here is taken out again at the
end. See transformers' documentation, "Attention interface" and "Experts interface".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.moe import ExpertsInterface
from transformers.utils import logging

from tandemsim.workloads.hugging_face.attention_function import AttentionFunction
from tandemsim.workloads.hugging_face.cache_layers import appending
from tandemsim.workloads.hugging_face.experts_function import experts_function
from tandemsim.workloads.hugging_face.marked_masks import MarkedMasks, Note

#: The name of all three implementations, for ``attn_implementation`` and ``experts_implementation``.
NAME = "tandem"


@contextmanager
def interfaces(note: Note) -> Iterator[AttentionFunction]:
    """Register the implementations until the context ends; what they cannot say goes to `note`, in lines."""
    masks = MarkedMasks(note)
    function = AttentionFunction(masks, note)
    with ExitStack() as stack:
        for table, implementation in (
            (AttentionInterface, function),
            (AttentionMaskInterface, masks),
            (ExpertsInterface, experts_function),
        ):
            stack.enter_context(_registered(table, implementation))
        # It reads the ids of the tokens to warn of padding, and a trace has no values.
        stack.enter_context(patch.object(PreTrainedModel, _WARNING, lambda *args, **kwargs: None))
        stack.enter_context(appending())
        stack.enter_context(_quiet())
        yield function


_WARNING = "warn_if_padding_and_no_attention_mask"


def is_registered() -> bool:
    """Return whether the implementations are there: a run within `interfaces`."""
    return NAME in AttentionInterface._global_mapping


@contextmanager
def _registered(table: Any, implementation: Callable[..., Any]) -> Iterator[None]:
    table.register(NAME, implementation)
    try:
        yield
    finally:
        del table._global_mapping[NAME]


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the library's advice on weights, kernels and vocabularies, which is for runs with values."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)
