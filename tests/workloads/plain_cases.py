"""Cases of plain PyTorch: models and single operators, with their MACs, and what is refused.

`COUNTED` are compared with half of what PyTorch's FlopCounterMode counts. `BY_FORMULA` are those in which it
counts nothing or, on patterns, too much; beside each stands the number of products that its definition has.
`SIMPLE` have no products. `REFUSED` are those that a trace cannot say, with what the error must name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.ao.quantization.fx._decomposed  # registers the operators of quantized models
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention.flex_attention import flex_attention
from torch.nn.functional import scaled_dot_product_attention as sdpa

from tests.workloads.plain_models import (
    Detector,
    Experts,
    Fourier,
    Function,
    Generator,
    GroupedQueries,
    Queries,
    Speech,
    UNet,
    Upscaler,
    Vectors,
    Video,
    band,
    branch,
    built_in_place,
    documents,
    first_rows,
    flex,
    float_band,
)

Shape = tuple[int, ...] | Tensor


class Case(NamedTuple):
    """A model, a function that makes one, or a function of tensors; and shapes or tensors on `meta`."""

    model: Any
    inputs: Sequence[Shape]
    macs: int | None = None

    def build(self) -> nn.Module:
        made = self.model() if isinstance(self.model, type) else self.model
        module = made if isinstance(made, nn.Module) else Function(made)
        return module.to("meta").eval()

    def tensors(self) -> list[Tensor]:
        return [
            shape if isinstance(shape, Tensor) else torch.empty(shape, device="meta") for shape in self.inputs
        ]


def ints(*shape: int) -> Tensor:
    return torch.empty(shape, dtype=torch.int64, device="meta")


def of(dtype: torch.dtype, *shape: int) -> Tensor:
    return torch.empty(shape, dtype=dtype, device="meta")


QKV = (2, 8, 16, 4)
SHARED = (2, 2, 16, 4)

COUNTED: dict[str, Case] = {
    "grouped queries": Case(lambda q, k: sdpa(q, k, k, enable_gqa=True), [QKV, SHARED]),
    "one head of keys": Case(lambda q, k: sdpa(q, k, k, enable_gqa=True), [QKV, (2, 1, 16, 4)]),
    "grouped layer": Case(GroupedQueries, [(2, 9, 32)]),
    "attention in 3-D": Case(lambda q: sdpa(q, q, q), [(3, 16, 4)]),
    "attention in 2-D": Case(lambda q: sdpa(q, q, q), [(16, 4)]),
    "attention in 5-D": Case(lambda q: sdpa(q, q, q), [(2, 3, 2, 16, 4)]),
    "shared batch": Case(lambda q, k: sdpa(q, k, k), [QKV, (1, 8, 12, 4)]),
    "size of values": Case(lambda q, v: sdpa(q, q, v), [QKV, (2, 8, 16, 6)]),
    "own scale": Case(lambda q, k: sdpa(q, k, k, scale=0.1, enable_gqa=True), [QKV, SHARED]),
    "position bias": Case(lambda q, b: sdpa(q, q, q, attn_mask=b), [QKV, (1, 8, 16, 16)]),
    "transposed 1-D": Case(nn.ConvTranspose1d(4, 6, 5, 2, 1, groups=2), [(2, 4, 9)]),
    "transposed 2-D": Case(nn.ConvTranspose2d(4, 6, (3, 2), 2, 1, 1, dilation=2), [(2, 4, 9, 7)]),
    "transposed 3-D": Case(nn.ConvTranspose3d(4, 6, 3, 2), [(2, 4, 5, 6, 7)]),
    "convolution in 3-D": Case(nn.Conv3d(4, 6, (1, 3, 3), padding=1), [(2, 4, 5, 6, 7)]),
    "depthwise in 3-D": Case(nn.Conv3d(4, 4, 3, groups=4, padding="same"), [(2, 4, 5, 6, 7)]),
    "U-Net": Case(UNet, [(1, 1, 16, 16)]),
    "generator": Case(Generator, [(2, 16, 1, 1)]),
    "video": Case(Video, [(1, 3, 8, 32, 32)]),
    "upscaler": Case(Upscaler, [(1, 16, 4, 4), (1, 3, 4)]),
    "detector": Case(Detector, [(1, 3, 20, 20)]),
    "speech": Case(Speech, [(1, 16, 40)]),
    "deformable": Case(Queries, [(1, 6, 8), (1, 8, 12, 12)]),
    "complex product": Case(lambda x: torch.view_as_complex(x) @ torch.view_as_complex(x).T, [(4, 4, 2)]),
    "low rank": Case(lambda x, y: torch.logsumexp(x @ y, dim=1), [(4, 6), (6, 5)]),
    "unfolded": Case(
        lambda x, w: functional.fold(w @ functional.unfold(x, 3), 6, 3), [(1, 2, 6, 6), (18, 18)]
    ),
    "embedding bag": Case(nn.Sequential(nn.EmbeddingBag(9, 4), nn.Linear(4, 3)), [ints(5, 2)]),
}

BY_FORMULA: dict[str, Case] = {
    # Patterns: 2 · heads · head_dim · pairs.
    "band mask": Case(
        lambda x: sdpa(x, x, x, attn_mask=band(x, 16, 2, 1)), [(1, 2, 16, 4)], 2 * 2 * 4 * (4 * 16 - 3 - 1)
    ),
    "float band": Case(float_band, [(3, 2, 16, 4)], 3 * 2 * 2 * 4 * (4 * 16 - 6)),
    "mask built in place": Case(
        built_in_place, [(1, 1, 16, 4)], 2 * 4 * sum(min(i + 1, 4) + min(max(i - 3, 0), 2) for i in range(16))
    ),
    "flex window": Case(
        lambda q: flex(q, q, lambda b, h, i, j: (i - j).abs() <= 16),
        [(1, 2, 128, 8)],
        2 * 2 * 8 * (33 * 128 - 16 * 17),
    ),
    "flex grouped": Case(
        lambda q, k: flex(q, k, lambda b, h, i, j: i >= j, enable_gqa=True),
        [(1, 4, 128, 8), (1, 2, 128, 8)],
        2 * 4 * 8 * 128 * 128,
    ),
    "flex documents": Case(documents, [(1, 2, 128, 8)], 2 * 2 * 8 * 2 * 64 * 65 // 2),
    "flex scores": Case(
        lambda q: flex_attention(q, q, q, score_mod=lambda s, b, h, i, j: s + (i - j)),
        [(1, 2, 16, 8)],
        2 * 2 * 8 * 16 * 16,
    ),
    # Values that follow from shapes, which the counter cannot ask for.
    "known rows": Case(lambda x, w: first_rows(x) @ w, [(8, 4), (4, 5)], 3 * 4 * 5),
    "known number": Case(lambda x: x @ x[: int(torch.tensor([2, 4]).sum())].T, [(8, 4)], 8 * 4 * 6),
    "known mask": Case(lambda x: x @ x.T if torch.ones_like(x).bool().all() else x, [(8, 4)], 8 * 4 * 8),
    # Products that FlopCounterMode counts as nothing.
    "addbmm": Case(torch.addbmm, [(3, 4), (2, 3, 5), (2, 5, 4)], 2 * 3 * 5 * 4),
    "addr": Case(torch.addr, [(3, 4), (3,), (4,)], 3 * 4),
    "vdot": Case(torch.vdot, [(7,), (7,)], 7),
    "mv": Case(torch.mv, [(3, 4), (4,)], 3 * 4),
    "addmv": Case(torch.addmv, [(3,), (3, 4), (4,)], 3 * 4),
    "int_mm": Case(torch._int_mm, [of(torch.int8, 32, 16), of(torch.int8, 16, 8)], 32 * 16 * 8),
    "scaled_mm": Case(
        lambda a, b, s: torch._scaled_mm(a, b.T, s, s, out_dtype=torch.bfloat16),
        [of(torch.float8_e4m3fn, 32, 16), of(torch.float8_e4m3fn, 16, 16), (1,)],
        32 * 16 * 16,
    ),
    "float8": Case(
        lambda x, w: x.to(torch.float8_e4m3fn).to(torch.bfloat16) @ w.to(torch.bfloat16),
        [(4, 8), (8, 4)],
        4 * 8 * 4,
    ),
    "experts": Case(Experts, [of(torch.bfloat16, 10, 16)], 10 * 16 * 4 + 2 * 20 * 16 * 32),
    "grouped batch": Case(
        lambda a, b: torch._grouped_mm(a, b),
        [of(torch.bfloat16, 3, 8, 16), of(torch.bfloat16, 3, 16, 8)],
        3 * 8 * 16 * 8,
    ),
    "grouped columns": Case(
        lambda a, b, e: torch._grouped_mm(a, b, e),
        [of(torch.bfloat16, 3, 8, 16), of(torch.bfloat16, 16, 24), of(torch.int32, 3)],
        8 * 16 * 24,
    ),
    "codebook": Case(Vectors, [(2, 10, 8)], 2 * 10 * 8 * 32),
    "distances": Case(torch.cdist, [(2, 40, 8), (2, 30, 8)], 2 * 40 * 30 * 8),
    "city blocks": Case(lambda a, b: torch.cdist(a, b, p=1.0), [(4, 8), (5, 8)], 0),
    "affine grid": Case(
        lambda t: functional.affine_grid(t, [2, 3, 5, 4], align_corners=False), [(2, 2, 3)], 2 * 20 * 3 * 2
    ),
    "int8 weights": Case(
        torch._weight_int8pack_mm,
        [of(torch.bfloat16, 3, 32), of(torch.int8, 8, 32), of(torch.bfloat16, 8)],
        3 * 32 * 8,
    ),
    "bilinear": Case(nn.Bilinear(3, 4, 5), [(7, 3), (7, 4)], 7 * 5 * 4 * (3 + 1)),
    "triangular": Case(
        lambda a, b: torch.linalg.solve_triangular(a, b, upper=False), [(2, 5, 5), (2, 5, 3)], 2 * 3 * 15
    ),
    "FNet": Case(Fourier, [(1, 8, 16)], 2 * 8 * 16 * 32 + 8 * 16 * 4 + 2 * 16 * 8 * 3),
    "spectrum of a product": Case(
        lambda x, w: torch.fft.rfft(x @ w).abs().square().sum(), [(4, 8), (8, 16)], 4 * 8 * 16 + 4 * 16 * 4
    ),
    "image spectrum": Case(torch.fft.fft2, [of(torch.complex64, 4, 8)], 2 * 4 * 8 * 3 + 2 * 8 * 4 * 2),
    "real spectrum": Case(lambda x: torch.fft.irfft(torch.fft.rfft(x)), [(4, 8)], 2 * 4 * 8 * 3),
    "odd length": Case(torch.fft.fft, [of(torch.complex64, 4, 9)], 2 * 4 * 9 * 4),
    "short-time spectrum": Case(
        lambda x: torch.stft(x, 16, 8, window=torch.ones(16), return_complex=True).abs(),
        [(2, 64)],
        2 * 9 * 16 * 4,
    ),
}

#: Operators without products: only that each is known, and how many ops it makes.
SIMPLE: dict[str, Case] = {
    name: Case(function, inputs, 0)
    for name, (function, *inputs) in {
        "acos": (torch.acos, (4, 4)), "tan": (torch.tan, (4, 4)), "cosh": (torch.cosh, (4, 4)),
        "atan2": (torch.atan2, (4, 4), (4, 4)), "logaddexp": (torch.logaddexp, (4, 4), (4, 4)),
        "nan_to_num": (torch.nan_to_num, (4, 4)), "cross": (torch.linalg.cross, (4, 3), (4, 3)),
        "celu": (nn.CELU(), (4, 4)), "hardshrink": (nn.Hardshrink(), (4, 4)),
        "softshrink": (nn.Softshrink(), (4, 4)), "rrelu": (nn.RReLU(), (4, 4)),
        "selu": (nn.SELU(), (4, 4)), "log_sigmoid": (nn.LogSigmoid(), (4, 4)),
        "vector norm": (torch.linalg.vector_norm, (4, 4)), "matrix norm": (torch.linalg.norm, (4, 4)),
        "std": (lambda x: x.std(dim=1), (4, 4)), "median": (lambda x: x.median(dim=1), (4, 4)),
        "median of all": (torch.median, (4, 4)), "kthvalue": (lambda x: x.kthvalue(2), (4, 4)),
        "mode": (torch.mode, (4, 4)), "quantile": (lambda x: x.quantile(0.5, dim=1), (4, 4)),
        "cummax": (lambda x: x.cummax(dim=1), (4, 4)), "logcumsumexp": (lambda x: x.logcumsumexp(1), (4, 4)),
        "histc": (lambda x: torch.histc(x, 4), (8,)), "trace": (torch.trace, (4, 4)),
        "masked_scatter": (lambda x, y: x.masked_scatter(x > 0, y), (4, 4), (4, 4)),
        "bucketize": (lambda x: torch.bucketize(x, torch.arange(4.0)), (4, 4)),
        "searchsorted": (torch.searchsorted, (4, 8), (4, 4)),
        "index_fill": (lambda x: x.index_fill(1, torch.tensor([0, 2]), -1), (4, 4)),
        "select_scatter": (lambda x, y: x.select_scatter(y, 0, 1), (4, 4), (4,)),
        "random numbers": (lambda x: x + torch.rand(4) + torch.randn_like(x), (4, 4)),
        "noise": (lambda x: x + torch.empty_like(x).exponential_(), (4, 4)),
        "dropout in training": (lambda x: functional.dropout(x, 0.5, training=True), (4, 4)),
        "linear upsampling": (nn.Upsample(scale_factor=2, mode="linear"), (1, 2, 8)),
        "bicubic": (nn.Upsample(scale_factor=2, mode="bicubic"), (1, 2, 8, 8)),
        "bicubic smoothed": (
            lambda x: functional.interpolate(x, size=(4, 4), mode="bicubic", antialias=True), (1, 2, 8, 8),
        ),
        "trilinear": (nn.Upsample(scale_factor=2, mode="trilinear"), (1, 2, 4, 4, 4)),
        "nearest in 3-D": (nn.Upsample(scale_factor=2), (1, 2, 4, 4, 4)),
        "nearest exact": (nn.Upsample(scale_factor=2, mode="nearest-exact"), (1, 2, 4, 4)),
        "grid_sample": (
            lambda x, p: functional.grid_sample(x, p, align_corners=True), (1, 2, 8, 8), (1, 3, 3, 2),
        ),
        "sampled at itself": (
            lambda x: functional.grid_sample(x, x[..., :2], align_corners=True), (1, 8, 8, 8),
        ),
        "replication pads": (nn.ReplicationPad2d(2), (1, 2, 8, 8)),
        "reflection in 1-D": (nn.ReflectionPad1d(2), (1, 2, 8)),
        "reflection in 3-D": (nn.ReflectionPad3d(1), (1, 2, 4, 4, 4)),
        "replication in 3-D": (nn.ReplicationPad3d(1), (1, 2, 4, 4, 4)),
        "max_pool3d": (nn.MaxPool3d(2), (1, 2, 4, 4, 4)), "avg_pool3d": (nn.AvgPool3d(2), (1, 2, 4, 4, 4)),
        "max_pool1d": (nn.MaxPool1d(2), (1, 2, 8)), "lp_pool": (nn.LPPool2d(2, 2), (1, 2, 8, 8)),
        "adaptive maxima": (nn.AdaptiveMaxPool2d(2), (1, 2, 8, 8)),
        "adaptive maxima in 1-D": (nn.AdaptiveMaxPool1d(2), (1, 2, 8)),
        "adaptive means in 3-D": (nn.AdaptiveAvgPool3d(2), (1, 2, 4, 4, 4)),
        "fractional pool": (nn.FractionalMaxPool2d(2, output_size=3), (1, 2, 8, 8)),
        "unpooling": (lambda x: functional.max_unpool2d(*functional.max_pool2d(x, 2, return_indices=True), 2),
                      (1, 2, 8, 8)),
        "channel shuffle": (nn.ChannelShuffle(2), (1, 4, 8, 8)),
        "pixel unshuffle": (nn.PixelUnshuffle(2), (1, 2, 8, 8)),
        "bits": (lambda x: x.view(torch.int32) & 255, (4, 4)),
        "logits": (functional.binary_cross_entropy_with_logits, (4, 4), (4, 4)),
        "huber": (functional.huber_loss, (4, 4), (4, 4)),
        "cross entropy": (functional.cross_entropy, (4, 6), ints(4)),
        "quantization": (
            lambda x: torch.ops.quantized_decomposed.quantize_per_tensor(x, 0.1, 0, -128, 127, torch.int8),
            (4, 4),
        ),
    }.items()
}  # fmt: skip

REFUSED: dict[str, tuple[Case, str]] = {
    "branch on data": (Case(branch, [(4, 4)]), "asks for a tensor's value"),
    "length from data": (Case(lambda x, n: x[: int(n)], [(4, 4), ints()]), "asks for a tensor's value"),
    "equal": (Case(torch.equal, [(4, 4), (4, 4)]), "asks for a tensor's value"),
    "boolean index": (Case(lambda x: x[x > 0], [(4, 4)]), "'index' gives a tensor whose shape depends on"),
    "nonzero": (Case(torch.nonzero, [(4, 4)]), "'nonzero' gives a tensor whose shape depends on values"),
    "unique": (Case(torch.unique, [(4, 4)]), "gives a tensor whose shape depends on values"),
    "masked_select": (Case(lambda x: x.masked_select(x > 0), [(4, 4)]), "whose shape depends on values"),
    "repeats from data": (
        Case(lambda x, n: x.repeat_interleave(n, dim=0), [(4, 4), ints(4)]), "whose shape depends on values",
    ),
    "cond": (
        Case(lambda x: torch.cond(x.sum() > 0, lambda y: y + 1, lambda y: y - 1, (x,)), [(4, 4)]),
        "operator 'cond' has no kind in a trace",
    ),
    "inverse": (Case(torch.linalg.inv, [(4, 4)]), "operator 'linalg_inv_ex' has no kind in a trace"),
    "Cholesky": (Case(torch.linalg.cholesky, [(4, 4)]), "operator 'linalg_cholesky_ex' has no kind"),
    "QR": (Case(torch.linalg.qr, [(4, 4)]), "operator 'linalg_qr' has no kind in a trace"),
    "pairs of one set": (Case(torch.pdist, [(4, 4)]), "operator '_pdist_forward' has no kind in a trace"),
    "singular values": (Case(torch.linalg.svd, [(4, 4)]), "operator '_linalg_svd' has no kind in a trace"),
    "eigenvalues": (Case(torch.linalg.eigh, [(4, 4)]), "operator '_linalg_eigh' has no kind in a trace"),
    "in place without result": (Case(lambda x: torch._foreach_add_([x], 1), [(4, 4)]), "'_foreach_add'"),
    "mask from data": (
        Case(lambda x, d: flex(x, x, lambda b, h, i, j: d[i] == d[j]), [(1, 1, 128, 8), (128,)]),
        "reads a tensor whose values a trace does not know",
    ),
}  # fmt: skip
