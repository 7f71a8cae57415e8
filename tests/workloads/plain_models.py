"""Plain PyTorch models, small, with what a tracer of layers alone does not know; and functions of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention.flex_attention import create_block_mask, flex_attention
from torch.nn.functional import scaled_dot_product_attention as sdpa


class Function(nn.Module):
    """A function of tensors as a module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)


class UNet(nn.Module):
    """Two levels, transposed convolutions upward, joined with what came down."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(1, 8, 3, padding=1)
        self.bottom = nn.Conv2d(8, 16, 3, padding=1)
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.out = nn.Conv2d(16, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        left = self.down(x).relu()
        bottom = self.bottom(functional.max_pool2d(left, 2)).relu()
        return self.out(torch.cat([left, self.up(bottom)], dim=1))


class Generator(nn.Sequential):
    """DCGAN's generator (arXiv 1511.06434), small."""

    def __init__(self) -> None:
        super().__init__(
            *(nn.ConvTranspose2d(16, 12, 4, bias=False), nn.BatchNorm2d(12), nn.ReLU()),
            *(nn.ConvTranspose2d(12, 8, 4, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU()),
            *(nn.ConvTranspose2d(8, 3, 4, 2, 1, bias=False), nn.Tanh()),
        )


class Video(nn.Module):
    """A residual block of 3-D convolutions, as in R3D-18 (arXiv 1711.11248)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv3d(3, 8, (3, 7, 7), stride=(1, 2, 2), padding=(1, 3, 3), bias=False)
        self.first, self.second = nn.Conv3d(8, 8, 3, padding=1), nn.Conv3d(8, 8, 3, padding=1)
        self.norm, self.head = nn.BatchNorm3d(8), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool3d(self.norm(self.stem(x)).relu(), 2)
        x = (x + self.second(self.first(x).relu())).relu()
        return self.head(functional.adaptive_avg_pool3d(x, 1).flatten(1))


class Upscaler(nn.Module):
    """The mask head of Segment Anything (arXiv 2304.02643): transposed convolutions, then a product."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.ConvTranspose2d(16, 8, 2, 2), nn.ConvTranspose2d(8, 4, 2, 2)
        self.norm = nn.GroupNorm(1, 8)

    def forward(self, image: Tensor, tokens: Tensor) -> Tensor:
        maps = self.second(functional.gelu(self.norm(self.first(image))))
        return (tokens @ maps.flatten(2)).unflatten(2, maps.shape[2:])


class Detector(nn.Module):
    """The start of SSD300 (arXiv 1512.02325): features scaled to unit length, then boxes and classes."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.scale = nn.Conv2d(3, 8, 3), nn.Parameter(torch.ones(8))
        self.boxes, self.classes = nn.Conv2d(8, 16, 3, padding=1), nn.Conv2d(8, 84, 3, padding=1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        maps = functional.normalize(self.features(image).relu()) * self.scale[:, None, None]
        return self.boxes(maps), self.classes(maps)


class GroupedQueries(nn.Module):
    """An attention layer of Llama: fewer heads of keys than of queries, rotated by position."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.kv, self.out = nn.Linear(32, 32), nn.Linear(32, 16), nn.Linear(32, 32)

    def forward(self, x: Tensor) -> Tensor:
        q = rotated(self.q(x).unflatten(2, (8, 4)).transpose(1, 2))
        k, v = self.kv(x).unflatten(2, (2, 2, 4)).permute(2, 0, 3, 1, 4)
        y = sdpa(q, rotated(k), v, is_causal=True, enable_gqa=True)
        return self.out(y.transpose(1, 2).flatten(2))


def rotated(x: Tensor) -> Tensor:
    """Rotary positions by complex numbers, as in Llama's first code."""
    angles = torch.outer(torch.arange(x.shape[2]).float(), torch.tensor([1.0, 0.01]))
    turned = torch.view_as_complex(x.unflatten(3, (-1, 2))) * torch.polar(torch.ones_like(angles), angles)
    return torch.view_as_real(turned).flatten(3)


class Speech(nn.Module):
    """The positional convolution of wav2vec 2.0 (arXiv 2006.11477): its weight is normalized as it runs."""

    def __init__(self) -> None:
        super().__init__()
        convolution = nn.Conv1d(16, 16, 8, padding=4, groups=4)
        self.positions = nn.utils.parametrizations.weight_norm(convolution, dim=2)

    def forward(self, x: Tensor) -> Tensor:
        return x + functional.gelu(self.positions(x)[..., :-1])


class Experts(nn.Module):
    """Two of four experts for each token, in one grouped product for each projection."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(16, 4, dtype=torch.bfloat16)
        self.up = nn.Parameter(torch.zeros(4, 16, 32, dtype=torch.bfloat16))
        self.down = nn.Parameter(torch.zeros(4, 32, 16, dtype=torch.bfloat16))

    def forward(self, x: Tensor) -> Tensor:
        weights, chosen = self.router(x).softmax(dim=-1).topk(2)
        order = chosen.flatten().argsort()
        ends = torch.histc(chosen.float(), bins=4, min=0, max=3).cumsum(0).to(torch.int32)
        rows = x[order // 2]
        rows = torch._grouped_mm(torch._grouped_mm(rows, self.up, ends).relu(), self.down, ends)
        weighted = rows * weights.flatten()[order, None]
        return torch.zeros_like(x).index_add_(0, order // 2, weighted)


class Fourier(nn.Module):
    """A layer of FNet (arXiv 2105.03824), which mixes tokens by a Fourier transform."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(16, 32), nn.Linear(32, 16)

    def forward(self, x: Tensor) -> Tensor:
        x = x + torch.fft.fft(torch.fft.fft(x, dim=-1), dim=-2).real
        return x + self.down(functional.gelu(self.up(x)))


class Vectors(nn.Module):
    """A codebook of a vector-quantized model: each vector takes the nearest row."""

    def __init__(self) -> None:
        super().__init__()
        self.codes = nn.Embedding(32, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.codes(torch.cdist(x, self.codes.weight).argmin(dim=-1))


class Queries(nn.Module):
    """Deformable sampling, as in the DETR family: values read at places that follow from the query."""

    def __init__(self) -> None:
        super().__init__()
        self.offsets, self.out = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, queries: Tensor, image: Tensor) -> Tensor:
        places = self.offsets(queries).unflatten(2, (4, 2)).tanh()
        sampled = functional.grid_sample(image, places, align_corners=False)
        return self.out(sampled.mean(dim=-1).transpose(1, 2))


def band(queries: Tensor, keys: int, before: int, after: int) -> Tensor:
    place, key = torch.arange(queries.shape[-2])[:, None], torch.arange(keys)
    return (key >= place - before) & (key <= place + after)


def flex(q: Tensor, k: Tensor, mask_mod: Callable[..., Tensor], **others: Any) -> Tensor:
    mask = create_block_mask(mask_mod, None, None, q.shape[2], k.shape[2], device="meta")
    return flex_attention(q, k, k, block_mask=mask, **others)


def documents(q: Tensor) -> Tensor:
    """Two texts in one sequence, neither of which sees the other."""
    text = torch.tensor([0] * 64 + [1] * 64)
    return flex(q, q, lambda b, h, i, j: (i >= j) & (text[i] == text[j]))


def built_in_place(x: Tensor) -> Tensor:
    """A causal window of 4 keys and 2 sinks, built by writes in place."""
    mask = torch.zeros(x.shape[2], x.shape[2], dtype=torch.bool)
    mask[:, :2] = True
    mask |= band(x, x.shape[2], int(torch.tensor(2).add_(1)), 0)
    mask.logical_and_(torch.ones(x.shape[2], x.shape[2]).tril() > 0)
    return sdpa(x, x, x, attn_mask=mask)


def float_band(x: Tensor) -> Tensor:
    size = x.shape[2]
    mask = torch.full((size, size), -torch.inf).triu(1) + torch.full((size, size), -torch.inf).tril(-4)
    return sdpa(x, x, x, attn_mask=mask.expand(x.shape[0], x.shape[1], size, size))


def first_rows(x: Tensor) -> Tensor:
    """Rows of a constant that are found by its values."""
    chosen = (torch.arange(8) % 3 == 0).nonzero().flatten()
    return x[chosen]


def branch(x: Tensor) -> Tensor:
    return x + 1 if x.sum() > 0 else x
