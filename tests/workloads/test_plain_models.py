"""Plain PyTorch: every case of `plain_cases` is traced with the right MACs, or refused by name."""

import re

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.traces.schema import Source
from tandemsim.workloads.tracer import trace
from tests.workloads.plain_cases import BY_FORMULA, COUNTED, REFUSED, SIMPLE

SOURCE = Source(model="test", configuration={}, exporter="test", exporter_version="0")


@pytest.mark.parametrize("name", COUNTED)
def test_macs_are_half_of_what_pytorch_counts(name):
    case = COUNTED[name]
    with torch.no_grad(), torch.device("meta"), FlopCounterMode(display=False) as counter:
        case.build()(*case.tensors())
    assert 2 * trace(case.build(), case.tensors(), SOURCE).macs == counter.get_total_flops()


@pytest.mark.parametrize("name", BY_FORMULA)
def test_macs_are_the_products_of_the_definition(name):
    case = BY_FORMULA[name]
    assert trace(case.build(), case.tensors(), SOURCE).macs == case.macs


@pytest.mark.parametrize("name", SIMPLE)
def test_an_operator_without_products_is_an_op_without_macs(name):
    case = SIMPLE[name]
    result = trace(case.build(), case.tensors(), SOURCE)
    assert result.macs == 0 and len(result.ops) > 0


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_trace_cannot_say_is_refused_by_name_and_line(name):
    case, message = REFUSED[name]
    with pytest.raises(ConfigError) as found:
        trace(case.build(), case.tensors(), SOURCE)
    assert message in str(found.value) and "\n" not in str(found.value)
    assert re.search(r"plain_(models|cases)\.py:\d+\)$", str(found.value))
