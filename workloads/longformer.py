"""Longformer (Beltagy et al., arXiv 2004.05150) as a PyTorch module, around one windowed-attention operator.

Layer for layer, and parameter name for parameter name, the encoder of Hugging Face's `LongformerModel`, so
that its state dict loads here: RoBERTa embeddings (positions start after the padding index), post-norm
layers, separate query, key and value projections for global tokens, and the pooler. Inference only (no
dropout), and no padding: every token of the input is a real one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tandemsim.sim.arch.checks import require, require_integers
from tandemsim.workloads.attention import WindowAttention


@dataclass(frozen=True, slots=True, kw_only=True)
class LongformerConfig:
    """Sizes of a Longformer; the defaults are those of the released longformer-base-4096."""

    layers: int = 12  # released config.json of allenai/longformer-base-4096, like all below
    hidden: int = 768
    heads: int = 12
    ffn: int = 3072  # width of the feed-forward layer
    window: int = 512  # keys beside the query's own: half on each side
    seq_len: int = 4096
    global_tokens: tuple[int, ...] = (0,)  # the classification token
    vocab: int = 50265
    token_types: int = 1
    padding_index: int = 1  # positions are counted from the next index on
    norm_eps: float = 1e-5  # RoBERTa's, on which Longformer builds

    def __post_init__(self) -> None:
        sizes = ("layers", "hidden", "heads", "ffn", "window", "seq_len", "vocab", "token_types")
        require_integers(self, 1, *sizes)
        require_integers(self, 0, "padding_index")
        divides = self.hidden % self.heads == 0
        require(divides, "LongformerConfig.hidden must be a multiple of heads", self.hidden)
        require(self.window % 2 == 0, "LongformerConfig.window must be even", self.window)

    @property
    def positions(self) -> int:
        """Rows of the position table: 4098 for 4096 tokens."""
        return self.seq_len + self.padding_index + 1

    @property
    def bands(self) -> list[list[int]]:
        """The window as a band of key offsets; both ends included, so 513 keys for a window of 512."""
        return [[-self.window // 2, self.window // 2, 1]]


BASE = LongformerConfig()
LARGE = LongformerConfig(layers=24, hidden=1024, heads=16, ffn=4096)  # released longformer-large-4096
BASE_16K = LongformerConfig(seq_len=16384)  # base with a longer position table; assumed, not a released model


class Longformer(nn.Module):
    """Token ids (batch, seq_len) to hidden states (batch, seq_len, hidden) and the pooled first of them."""

    def __init__(self, config: LongformerConfig = BASE) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.pooler = Pooler(config)

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        longest = self.config.seq_len
        require(ids.shape[1] <= longest, f"Longformer input must have at most {longest} tokens", ids.shape[1])
        hidden = self.encoder(self.embeddings(ids))
        return hidden, self.pooler(hidden)


class Embeddings(nn.Module):
    """Word, position and token-type embeddings, added and normalized. All tokens are of type 0."""

    def __init__(self, config: LongformerConfig) -> None:
        super().__init__()
        self.first_position = config.padding_index + 1
        self.word_embeddings = nn.Embedding(config.vocab, config.hidden, padding_idx=config.padding_index)
        self.position_embeddings = nn.Embedding(
            config.positions, config.hidden, padding_idx=config.padding_index
        )
        self.token_type_embeddings = nn.Embedding(config.token_types, config.hidden)
        self.LayerNorm = nn.LayerNorm(config.hidden, eps=config.norm_eps)

    def forward(self, ids: Tensor) -> Tensor:
        positions = torch.arange(self.first_position, self.first_position + ids.shape[1], device=ids.device)
        words = self.word_embeddings(ids)
        types = self.token_type_embeddings(torch.zeros_like(positions))
        hidden: Tensor = self.LayerNorm(words + self.position_embeddings(positions) + types)
        return hidden


class Encoder(nn.Module):
    """The stack of layers."""

    def __init__(self, config: LongformerConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(Layer(config) for _ in range(config.layers))

    def forward(self, hidden: Tensor) -> Tensor:
        for layer in self.layer:
            hidden = layer(hidden)
        return hidden


class Layer(nn.Module):
    """Attention, then feed-forward, each with a residual and a norm after it."""

    def __init__(self, config: LongformerConfig) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.intermediate = Intermediate(config)
        self.output = Output(config.ffn, config)

    def forward(self, hidden: Tensor) -> Tensor:
        attended = self.attention(hidden)
        output: Tensor = self.output(self.intermediate(attended), attended)
        return output


class Attention(nn.Module):
    """Windowed self-attention and its output projection."""

    def __init__(self, config: LongformerConfig) -> None:
        super().__init__()
        self.self = SelfAttention(config)
        self.output = Output(config.hidden, config)

    def forward(self, hidden: Tensor) -> Tensor:
        output: Tensor = self.output(self.self(hidden), hidden)
        return output


class SelfAttention(nn.Module):
    """Projections of queries, keys and values, once for the window and once for the global tokens."""

    global_index: Tensor

    def __init__(self, config: LongformerConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.query, self.key, self.value = (nn.Linear(config.hidden, config.hidden) for _ in range(3))
        self.query_global, self.key_global, self.value_global = (
            nn.Linear(config.hidden, config.hidden) for _ in range(3)
        )
        self.window = WindowAttention(config.bands, config.global_tokens)
        index = torch.tensor(config.global_tokens, dtype=torch.long)
        self.register_buffer("global_index", index, persistent=False)

    def forward(self, hidden: Tensor) -> Tensor:
        qkv = (self._split(projection(hidden)) for projection in (self.query, self.key, self.value))
        return _joined(self.window(*qkv, self._global_qkv(hidden)))

    def _global_qkv(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor] | None:
        """Project the global tokens' queries, and everybody's keys and values as those queries see them."""
        if not len(self.global_index):
            return None
        own = hidden.index_select(1, self.global_index)
        projected = self.query_global(own), self.key_global(hidden), self.value_global(hidden)
        query, key, value = (self._split(tensor) for tensor in projected)
        return query, key, value

    def _split(self, projected: Tensor) -> Tensor:
        """(batch, tokens, hidden) to (batch, heads, tokens, head_dim), as a view."""
        return projected.view(*projected.shape[:2], self.heads, -1).transpose(1, 2)


class Output(nn.Module):
    """Projection, residual, norm."""

    def __init__(self, inputs: int, config: LongformerConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, config.hidden)
        self.LayerNorm = nn.LayerNorm(config.hidden, eps=config.norm_eps)

    def forward(self, hidden: Tensor, residual: Tensor) -> Tensor:
        output: Tensor = self.LayerNorm(self.dense(hidden) + residual)
        return output


class Intermediate(nn.Module):
    """Wide half of the feed-forward layer, with GELU."""

    def __init__(self, config: LongformerConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden, config.ffn)
        self.intermediate_act_fn = nn.GELU()

    def forward(self, hidden: Tensor) -> Tensor:
        activated: Tensor = self.intermediate_act_fn(self.dense(hidden))
        return activated


class Pooler(nn.Module):
    """Projection of the first token, with tanh."""

    def __init__(self, config: LongformerConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden, config.hidden)
        self.activation = nn.Tanh()

    def forward(self, hidden: Tensor) -> Tensor:
        pooled: Tensor = self.activation(self.dense(hidden[:, 0]))
        return pooled


def _joined(heads: Tensor) -> Tensor:
    """(batch, heads, tokens, head_dim) to (batch, tokens, hidden)."""
    return heads.transpose(1, 2).flatten(2)
