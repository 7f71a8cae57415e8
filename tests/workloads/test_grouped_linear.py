"""The operators of experts and caches compute what they say, under PyTorch's own rules for operators."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.workloads.cache_append import cache_append, cache_write
from tandemsim.workloads.grouped_linear import grouped_linear

CHECKS = ("test_schema", "test_faketensor")


def operands(transposed):
    generator = torch.Generator().manual_seed(0)
    shape = (5, 3, 7) if transposed else (5, 7, 3)
    rows, weight, bias = (torch.randn(size, generator=generator) for size in ((11, 3), shape, (5, 7)))
    return rows, weight, torch.randint(0, 4, (11,), generator=generator), bias


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("biased", [False, True])
def test_each_row_meets_the_weights_of_its_own_expert(transposed, biased):
    rows, weight, experts, bias = operands(transposed)
    expected = [
        row @ (weight[expert] if transposed else weight[expert].T) + (bias[expert] if biased else 0)
        for row, expert in zip(rows, experts, strict=True)
    ]
    result = grouped_linear(rows, weight, experts, bias if biased else None, transposed=transposed)
    torch.testing.assert_close(result, torch.stack(expected))


def test_pytorch_counts_one_product_a_row_however_many_experts_there_are():
    rows, weight, experts, _ = (tensor.to("meta") for tensor in operands(False))
    with FlopCounterMode(display=False) as counter:
        grouped_linear(rows, weight, experts)
    assert counter.get_total_flops() == 2 * 11 * 3 * 7


def test_rows_that_do_not_fit_the_weights_are_refused():
    rows, weight, experts, _ = operands(False)
    with pytest.raises(ConfigError, match="one expert a row"):
        grouped_linear(rows, weight, experts[1:])
    with pytest.raises(ConfigError, match="one expert a row"):
        grouped_linear(rows, weight, experts, transposed=True)


def test_new_tokens_follow_those_of_a_cache_or_take_their_places():
    cache, new = torch.zeros(2, 3, 4, 5), torch.ones(2, 3, 1, 5)
    assert cache_append(cache, new).sum(-1)[0, 0].tolist() == [0, 0, 0, 0, 5]
    assert cache_write(cache, new, torch.tensor([2])).sum(-1)[1, 2].tolist() == [0, 0, 5, 0]
    assert not cache.any()  # the trace reads the old value where a model does


def test_the_operators_keep_the_rules_of_pytorch():
    rows, weight, experts, bias = operands(True)
    torch.library.opcheck(
        torch.ops.tandem.grouped_linear.default, (rows, weight, experts, bias, True), test_utils=CHECKS
    )
    cache, new = torch.zeros(2, 3, 4, 5), torch.ones(2, 3, 1, 5)
    torch.library.opcheck(torch.ops.tandem.cache_append.default, (cache, new), test_utils=CHECKS)
    torch.library.opcheck(
        torch.ops.tandem.cache_write.default, (cache, new, torch.tensor([2])), test_utils=CHECKS
    )
