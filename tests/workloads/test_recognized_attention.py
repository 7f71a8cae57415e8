"""Attention of PyTorch's own modules, masks in buffers, FlexAttention: each is one op with its pattern."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention.bias import causal_lower_right, causal_upper_left
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

import tandemsim as ts
from tandemsim.traces.pattern import Pattern
from tandemsim.workloads.export import export
from tandemsim.workloads.inputs import parse_arguments
from tandemsim.workloads.targets import Target
from tandemsim.workloads.workload import Workload

N = 32
PLACES = torch.arange(N)
AWAY = PLACES[:, None] - PLACES[None, :]
WINDOW, CAUSAL = AWAY.abs() <= 4, AWAY >= 0


def ops_of(build, *shapes):
    """Return the attentions of a model traced as an object, after those of the exporter are the same."""
    inputs = parse_arguments(["x".join(map(str, shape)) for shape in shapes])
    workload = Workload(name="model", summary="", build=build, inputs=inputs, configuration={})
    exported = export(Target(workload, "", None))
    traced = ts.trace(build(), *(torch.zeros(shape) for shape in shapes))
    ops = [[op for op in trace.ops if "attention" in op.kind] for trace in (traced, exported)]
    assert [(op.kind, op.dims, op.attrs) for op in ops[0]] == [(op.kind, op.dims, op.attrs) for op in ops[1]]
    return ops[0]


def mask_of(op):
    """Return which keys each query sees, and check that no operand says more."""
    assert len(op.inputs) == 3
    if op.kind == "attention":
        whole = np.ones((op.dim("q_len"), op.dim("kv_len")), bool)
        return np.tril(whole) if op.attrs.get("causal") else whole
    return Pattern.from_op(op).mask(np.arange(op.dim("q_len")))


class Encoder(nn.Module):
    def __init__(self, mask=None, causal=False):
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.encoder, self.causal = nn.TransformerEncoder(layer, 2), causal
        self.register_buffer("mask", mask)

    def forward(self, x):
        if self.causal:
            mask = nn.Transformer.generate_square_subsequent_mask(N, device=x.device)
            return self.encoder(x, mask=mask, is_causal=True)
        return self.encoder(x, mask=self.mask)


class Attention(nn.Module):
    """Attention of 2 heads of 8 under a mask."""

    def __init__(self, mask):
        super().__init__()
        self.keep(mask)

    def keep(self, mask):
        self.register_buffer("mask", mask)

    def forward(self, q):
        return functional.scaled_dot_product_attention(q, q, q, attn_mask=self.mask)


class Attribute(Attention):
    def keep(self, mask):
        self.mask = torch.from_numpy(mask.cpu().numpy())


class Made(nn.Module):
    """The mask comes about on the device that is set while the model is built."""

    def __init__(self):
        super().__init__()
        mask = torch.zeros(N, N).masked_fill(~torch.ones(N, N, dtype=torch.bool).tril(), float("-inf"))
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, q):
        return functional.scaled_dot_product_attention(q, q, q, attn_mask=self.mask)


class Bias(nn.Module):
    """PyTorch's causal bias, made in the run or before."""

    def __init__(self, make, keys, early):
        super().__init__()
        self.make, self.keys = make, keys
        self.bias = make(N, keys) if early else None

    def forward(self, q, k):
        bias = self.make(N, self.keys) if self.bias is None else self.bias
        return functional.scaled_dot_product_attention(q, k, k, attn_mask=bias)


class Flex(nn.Module):
    """FlexAttention whose function reads a buffer, or whose block mask was made on the CPU."""

    def __init__(self, early):
        super().__init__()
        self.register_buffer("document", torch.arange(128, device="cpu") // 32)
        document = self.document
        self.block = create_block_mask(
            lambda b, h, i, j: document[i] == document[j], None, None, 128, 128, "cpu"
        )
        self.early = early

    def forward(self, q):
        block = self.block
        if not self.early:
            document = self.document
            block = create_block_mask(
                lambda b, h, i, j: document[i] == document[j], None, None, 128, 128, q.device
            )
        return flex_attention(q, q, q, block_mask=block)


@pytest.mark.parametrize(
    ("build", "pairs"),
    [
        (Encoder, torch.ones(N, N)),
        (lambda: Encoder(causal=True), CAUSAL),
        (lambda: Encoder(~WINDOW.clone()), WINDOW),
        (lambda: nn.Transformer(16, 2, 1, 1, 32, batch_first=True).encoder, torch.ones(N, N)),
    ],
)
def test_encoders_of_pytorch(build, pairs):
    found = ops_of(build, (1, N, 16))
    assert found and all(np.array_equal(mask_of(op), pairs.bool()) for op in found)


def test_multi_head_attention_without_its_weights():
    class Module(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(16, 2, batch_first=True)

        def forward(self, x):
            return self.attention(x, x, x, need_weights=False)[0]

    (op,) = ops_of(Module, (3, N, 16))
    assert (op.kind, op.dim("batch"), op.dim("heads")) == ("attention", 3, 2)


@pytest.mark.parametrize("kind", [Attention, Attribute])
@pytest.mark.parametrize("pairs", [WINDOW, CAUSAL, CAUSAL & WINDOW])
def test_masks_that_a_module_holds(kind, pairs):
    (op,) = ops_of(lambda: kind(pairs.clone()), (1, 2, N, 8))
    assert np.array_equal(mask_of(op), pairs)


def test_a_float_mask_that_is_made_with_the_model():
    (op,) = ops_of(Made, (1, 2, N, 8))
    assert op.kind == "attention" and op.attrs == {"causal": True}


def test_a_mask_that_is_learned_is_an_operand():
    def learned():
        module = Attention(None)
        module.mask = nn.Parameter(torch.zeros(N, N))
        return module

    (op,) = ops_of(learned, (1, 2, N, 8))
    assert op.kind == "attention" and len(op.inputs) == 4 and "causal" not in op.attrs


def test_a_mask_in_which_a_query_sees_nothing_is_an_operand():
    (op,) = ops_of(lambda: Attention(AWAY < 0), (1, 2, N, 8))
    assert op.kind == "attention" and len(op.inputs) == 4


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize(("make", "keys"), [(causal_upper_left, N), (causal_lower_right, N + 9)])
def test_causal_biases(make, keys, early):
    (op,) = ops_of(lambda: Bias(make, keys, early), (1, 2, N, 8), (1, 2, keys, 8))
    assert np.array_equal(mask_of(op), torch.ones(N, keys).tril(keys - N).bool())


@pytest.mark.parametrize("early", [True, False])
def test_flex_attention_with_what_a_module_holds(early):
    (op,) = ops_of(lambda: Flex(early), (1, 2, 128, 8))
    document = np.arange(128) // 32
    assert np.array_equal(mask_of(op), document[:, None] == document)


def test_a_mask_of_five_axes():
    class Module(nn.Module):
        def forward(self, q, mask):
            return functional.scaled_dot_product_attention(q, q, q, attn_mask=mask)

    (op,) = ops_of(Module, (2, 3, 4, 8, 16), (3, 1, 8, 8))
    assert (op.dim("batch"), op.dim("heads"), len(op.inputs)) == (6, 4, 4)


@pytest.mark.parametrize(
    ("function", "shapes", "macs"),
    [
        (torch.cdist, [(1, 5, 3), (4, 6, 3)], 4 * 5 * 6 * 3),
        (
            lambda a, b: torch.linalg.solve_triangular(a, b, upper=True),
            [(3, 1, 5, 5), (1, 4, 5, 2)],
            12 * 2 * (5 * 6 // 2),
        ),
    ],
)
def test_operands_that_broadcast(function, shapes, macs):
    class Module(nn.Module):
        def forward(self, a, b):
            return function(a, b)

    trace = ts.trace(Module(), *(torch.zeros(shape) for shape in shapes))
    assert trace.macs == macs
