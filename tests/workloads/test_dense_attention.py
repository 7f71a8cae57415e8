"""The attention operator computes what PyTorch's function computes, in every form that it takes."""

import math

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention as sdpa

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.workloads.dense_attention import attention
from tandemsim.workloads.fused import FusedAttention
from tandemsim.workloads.masked import Masked
from tandemsim.workloads.recorder import Recorder

FORMS = {
    "plain": ([(2, 4, 5, 8)] * 3, {}),
    "causal": ([(2, 4, 5, 8)] * 3, {"is_causal": True}),
    "causal, more keys": ([(2, 4, 5, 8), (2, 4, 9, 8), (2, 4, 9, 8)], {"is_causal": True}),
    "grouped": ([(2, 6, 5, 8), (2, 3, 9, 8), (2, 3, 9, 8)], {"enable_gqa": True}),
    "one head of keys": ([(2, 6, 5, 8), (2, 1, 9, 8), (2, 1, 9, 8)], {}),
    "size of values": ([(2, 4, 5, 8), (2, 4, 9, 8), (2, 4, 9, 3)], {}),
    "scale": ([(2, 4, 5, 8)] * 3, {"scale": 0.3}),
    "3-D": ([(4, 5, 8), (4, 9, 8), (4, 9, 8)], {}),
    "2-D": ([(5, 8), (9, 8), (9, 3)], {}),
    "5-D": ([(2, 3, 4, 5, 8)] * 3, {"is_causal": True}),
    "shared keys": ([(2, 4, 5, 8), (1, 4, 9, 8), (1, 4, 9, 8)], {}),
    "shared queries": ([(1, 4, 5, 8), (2, 4, 9, 8), (2, 4, 9, 8)], {}),
    "one head of queries": ([(2, 1, 5, 8), (2, 4, 9, 8), (2, 4, 9, 8)], {}),
    "values of one head": ([(2, 4, 5, 8), (2, 4, 9, 8), (2, 1, 9, 8)], {}),
    "fewer axes of keys": ([(2, 4, 5, 8), (4, 9, 8), (9, 8)], {}),
    "mask of 5-D": ([(2, 3, 4, 5, 8)] * 3, {"attn_mask": torch.rand(2, 1, 4, 5, 5)}),
    "bias of each head": ([(2, 4, 5, 8)] * 3, {"attn_mask": torch.rand(1, 4, 5, 5)}),
}


def random(shapes):
    generator = torch.Generator().manual_seed(5)
    return [torch.randn(shape, generator=generator) for shape in shapes]


def fused(*operands, **options):
    recorder = Recorder()
    with FusedAttention(recorder, Masked(recorder)):
        return sdpa(*operands, **options), recorder


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_what_pytorch_gives(name):
    shapes, options = FORMS[name]
    operands = random(shapes)
    result, _ = fused(*operands, **options)
    torch.testing.assert_close(result, sdpa(*operands, **options), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "shapes, options",
    [
        ([(2, 6, 5, 8), (2, 3, 9, 8), (2, 3, 9, 8)], {}),
        ([(2, 6, 5, 8), (2, 4, 9, 8), (2, 4, 9, 8)], {"enable_gqa": True}),
        ([(2, 4, 5, 8), (2, 4, 9, 7), (2, 4, 9, 8)], {}),
        ([(3, 4, 5, 8), (2, 4, 9, 8), (2, 4, 9, 8)], {}),
        ([(8,), (9, 8), (9, 8)], {}),
    ],
)
def test_shapes_that_pytorch_refuses_are_refused(shapes, options):
    operands = random(shapes)
    with pytest.raises((RuntimeError, ValueError)):
        sdpa(*operands, **options)
    with pytest.raises(ConfigError, match=r"must have q, k, v of shape \(\.\.\., heads, tokens, size\)"):
        fused(*operands, **options)


def test_values_of_fewer_tokens_than_keys_are_refused():
    with pytest.raises(ConfigError, match="k and v have as many tokens"):
        fused(*random([(2, 4, 5, 8), (2, 4, 9, 8), (2, 4, 7, 8)]))  # PyTorch reads beyond the end


def test_dropout_is_said_and_not_computed():
    (q,) = random([(1, 2, 5, 8)])
    result, recorder = fused(q, q, q, dropout_p=0.5)
    torch.testing.assert_close(result, sdpa(q, q, q), atol=1e-6, rtol=0)
    assert list(recorder.notes) == ["the dropout of attention weights is not modeled"]


def by_definition(q, k, v, mask, bias, sinks, scale, softcap):
    """Sum over the keys one by one, as the trace format defines the operands."""
    result = torch.zeros(*q.shape[:3], v.shape[3], dtype=torch.float64)
    for b in range(q.shape[0]):
        for h in range(q.shape[1]):
            g = h // (q.shape[1] // k.shape[1])
            for i in range(q.shape[2]):
                total = math.exp(sinks[h])
                for j in range(k.shape[2]):
                    score = softcap * math.tanh(float(q[b, h, i] @ k[b, g, j]) * scale / softcap)
                    weight = math.exp(score + float(bias[h, i, j])) if mask[i, j] else 0.0
                    total += weight
                    result[b, h, i] += weight * v[b, g, j].double()
                result[b, h, i] /= total
    return result


def test_masks_biases_sinks_and_caps_are_those_of_the_definition():
    q, k, v, bias, sinks = random([(2, 4, 3, 8), (2, 2, 5, 8), (2, 2, 5, 6), (4, 3, 5), (4,)])
    mask = torch.rand(3, 5, generator=torch.Generator().manual_seed(1)) < 0.6
    mask[1] = False  # this query has its sink alone
    result = attention(q, k, v, mask=mask, bias=bias, sinks=sinks, scale=0.2, softcap=1.5)
    expected = by_definition(q, k, v, mask, bias, sinks, 0.2, 1.5)
    torch.testing.assert_close(result.double(), expected, atol=1e-6, rtol=0)
    assert (result[:, :, 1] == 0).all()


def test_a_query_that_sees_nothing_yields_zeros():
    (q,) = random([(1, 2, 4, 8)])
    result = attention(q, q, q, mask=torch.zeros(4, 4, dtype=torch.bool))
    assert (result == 0).all()
