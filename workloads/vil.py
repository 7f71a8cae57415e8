"""ViL, the Multi-Scale Vision Longformer (Zhang et al., arXiv 2103.15358), as a PyTorch module.

Follows the authors' released code (github.com/microsoft/vision-longformer, `src/models/msvit.py`) with its
defaults: absolute x/y positions, norm after the patch embedding, projections shared by local and global
tokens. Stages 1 and 2 attend inside exact 15x15 windows (its option SW_EXACT=1) and to one global token,
stages 3 and 4 to everything. Not modeled: the default SW_EXACT=0, which masks 3x3 chunks of 7x7, and the
later checkpoints with a relative position bias. Inference only: no dropout, no stochastic depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from tandemsim.sim.arch.checks import require, require_integers
from tandemsim.workloads.attention import WindowAttention

Norm = partial(nn.LayerNorm, eps=1e-6)  # released code, LN_EPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One of the four stages: patches are merged, then `layers` blocks run on the smaller grid."""

    heads: int
    hidden: int
    layers: int
    patch: int = 2  # side of the square of pixels, or of the last stage's tokens, that becomes one token
    global_tokens: int = 1
    reach: int | None = None  # tokens that a window reaches on each side (15x15: 7); None attends to all

    def __post_init__(self) -> None:
        require_integers(self, 1, "heads", "hidden", "layers", "patch")
        require_integers(self, 0, "global_tokens")
        divides = self.hidden % self.heads == 0 and self.hidden % 2 == 0
        require(divides, "Stage.hidden must be even and a multiple of heads", self.hidden)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViLConfig:
    """Stages, image and classes of a ViL."""

    stages: tuple[Stage, ...]
    image: int = 224  # side of the square image in pixels; released code
    channels: int = 3
    classes: int = 1000  # ImageNet-1K
    ffn_ratio: int = 4  # released code, mlp_ratio

    def __post_init__(self) -> None:
        require_integers(self, 1, "image", "channels", "classes", "ffn_ratio")
        side = self.image
        for stage in self.stages:
            require(side % stage.patch == 0, "ViLConfig.image must be a multiple of all patches", self.image)
            side //= stage.patch


def _published(*rows: tuple[int, int, int]) -> ViLConfig:
    """Return the common layout of the published sizes from (layers, heads, hidden) of each stage."""
    (n1, h1, d1), (n2, h2, d2), (n3, h3, d3), (n4, h4, d4) = rows
    return ViLConfig(
        stages=(
            Stage(layers=n1, heads=h1, hidden=d1, patch=4, reach=7),
            Stage(layers=n2, heads=h2, hidden=d2, reach=7),
            Stage(layers=n3, heads=h3, hidden=d3),
            Stage(layers=n4, heads=h4, hidden=d4, global_tokens=0),
        )
    )


# README of the released code, table of architectures
TINY = _published((1, 1, 48), (1, 3, 96), (9, 3, 192), (1, 6, 384))
SMALL = _published((1, 3, 96), (2, 3, 192), (8, 6, 384), (1, 12, 768))
MEDIUM_WIDE = _published((1, 3, 192), (2, 6, 384), (8, 8, 512), (1, 12, 768))


class ViL(nn.Module):
    """Images (batch, channels, side, side) to class scores (batch, classes)."""

    def __init__(self, config: ViLConfig) -> None:
        super().__init__()
        self.config = config
        side, channels = config.image, config.channels
        self.stages = nn.ModuleList()
        for stage in config.stages:
            side //= stage.patch
            self.stages.append(StageModule(stage, channels, side, config.ffn_ratio))
            channels = stage.hidden
        self.norm = Norm(channels)
        self.head = nn.Linear(channels, config.classes)

    def forward(self, image: Tensor) -> Tensor:
        wanted = [self.config.channels, self.config.image, self.config.image]
        shape = list(image.shape)
        require(shape[1:] == wanted, f"ViL input must be [batch, {', '.join(map(str, wanted))}]", shape)
        for stage in self.stages:
            image, tokens = stage(image)
        tokens = self.norm(tokens)
        global_tokens = self.config.stages[-1].global_tokens
        scores: Tensor = self.head(tokens[:, 0] if global_tokens else tokens.mean(dim=1))
        return scores


class StageModule(nn.Module):
    """Patch embedding and blocks. Returns the grid as an image for the next stage, and all tokens."""

    def __init__(self, stage: Stage, channels: int, side: int, ffn_ratio: int) -> None:
        super().__init__()
        self.side, self.global_tokens = side, stage.global_tokens
        self.embed = PatchEmbed(stage, channels, side)
        self.blocks = nn.ModuleList(Block(stage, side, ffn_ratio) for _ in range(stage.layers))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        tokens = self.embed(image)
        for block in self.blocks:
            tokens = block(tokens)
        grid = tokens[:, self.global_tokens :].transpose(1, 2)
        return grid.view(*grid.shape[:2], self.side, self.side), tokens


class PatchEmbed(nn.Module):
    """Patches to tokens, the stage's own global tokens before them, positions added."""

    def __init__(self, stage: Stage, channels: int, side: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, stage.hidden, kernel_size=stage.patch, stride=stage.patch)
        self.norm = Norm(stage.hidden)
        self.global_token = _embedding(stage.global_tokens, stage.hidden)
        self.global_position = _embedding(stage.global_tokens, stage.hidden)
        self.x_position = _embedding(side, stage.hidden // 2)  # of the row, in the released code's naming
        self.y_position = _embedding(side, stage.hidden // 2)

    def forward(self, image: Tensor) -> Tensor:
        tokens: Tensor = self.norm(self.proj(image).flatten(2).transpose(1, 2))
        if self.global_token.shape[1]:
            tokens = torch.cat([self.global_token.expand(len(tokens), -1, -1), tokens], dim=1)
        return tokens + self._positions()

    def _positions(self) -> Tensor:
        side = self.x_position.shape[1]
        x = self.x_position.unsqueeze(2).expand(-1, -1, side, -1)
        y = self.y_position.unsqueeze(1).expand(-1, side, -1, -1)
        return torch.cat([self.global_position, torch.cat([x, y], dim=-1).flatten(1, 2)], dim=1)


class Block(nn.Module):
    """Pre-norm attention and feed-forward, each with a residual."""

    def __init__(self, stage: Stage, side: int, ffn_ratio: int) -> None:
        super().__init__()
        self.norm1 = Norm(stage.hidden)
        self.attention = (
            FullAttention(stage) if stage.reach is None else LocalAttention(stage, stage.reach, side)
        )
        self.norm2 = Norm(stage.hidden)
        self.mlp = nn.Sequential()
        self.mlp.add_module("fc1", nn.Linear(stage.hidden, stage.hidden * ffn_ratio))
        self.mlp.add_module("act", nn.GELU())
        self.mlp.add_module("fc2", nn.Linear(stage.hidden * ffn_ratio, stage.hidden))

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attention(self.norm1(tokens))
        output: Tensor = tokens + self.mlp(self.norm2(tokens))
        return output


class FullAttention(nn.Module):
    """Every token attends to every token."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.heads = stage.heads
        self.qkv = nn.Linear(stage.hidden, 3 * stage.hidden)
        self.proj = nn.Linear(stage.hidden, stage.hidden)

    def forward(self, tokens: Tensor) -> Tensor:
        q, k, v = _split(self.qkv(tokens), 3, self.heads)
        output: Tensor = self.proj(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return output


class LocalAttention(nn.Module):
    """Every token attends to its square window on the grid and to the global tokens, which attend to all."""

    def __init__(self, stage: Stage, reach: int, side: int) -> None:
        super().__init__()
        self.heads = stage.heads
        self.query = nn.Linear(stage.hidden, stage.hidden)
        self.kv = nn.Linear(stage.hidden, 2 * stage.hidden)
        self.window = WindowAttention([[-reach, reach]] * 2, range(stage.global_tokens), (side, side))
        self.proj = nn.Linear(stage.hidden, stage.hidden)

    def forward(self, tokens: Tensor) -> Tensor:
        (q,), (k, v) = _split(self.query(tokens), 1, self.heads), _split(self.kv(tokens), 2, self.heads)
        output: Tensor = self.proj(self.window(q, k, v).transpose(1, 2).flatten(2))
        return output


def _split(projected: Tensor, parts: int, heads: int) -> tuple[Tensor, ...]:
    """(batch, tokens, parts * hidden) to `parts` views of shape (batch, heads, tokens, head_dim)."""
    return projected.view(*projected.shape[:2], parts, heads, -1).permute(2, 0, 3, 1, 4).unbind()


def _embedding(count: int, hidden: int) -> nn.Parameter:
    values = torch.empty(1, count, hidden)
    # The spread is that of the released code.
    return nn.Parameter(nn.init.trunc_normal_(values, std=0.02) if count else values)
