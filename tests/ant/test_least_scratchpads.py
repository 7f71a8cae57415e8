"""A refusal asks scratchpads for the least: with those bytes a layer is planned, with one less not."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, example, given, settings
from hypothesis import strategies as st

from tandemsim.sim.ant import program as program_of_a_run
from tandemsim.sim.ant.lowering import Lowering
from tandemsim.sim.ant.program import program
from tandemsim.sim.arch.ant.family import ANT_FAMILY
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.machines.ant.bits import widths
from tandemsim.sim.machines.ant.small import small_trace
from tandemsim.sim.pattern_trace import pattern_trace
from tandemsim.traces.codec import find, load
from tandemsim.traces.schema import Trace
from tests.ant.test_machine_random import one_op, traces
from tests.examples import some_of

PADS = ("activation", "weight", "accumulator", "output", "residual", "vector")
BYTES = st.sampled_from([1, 2, 7, 50, 300, 1000, 5000, 1 << 20])
SMALL = st.fixed_dictionaries({f"{pad}_scratchpad.capacity_bytes": BYTES for pad in PADS if pad != "vector"})
FLOWS = st.fixed_dictionaries(
    {"dataflow": st.sampled_from(["ws", "os", "is"]), "array.cols": st.sampled_from([4, 64])}
)
# 65 rows of 31.5 bytes, which float64 does not have exactly
HALF_BYTES = one_op("gemm", {"m": 65, "n": 1, "k": 63}, (65, 63), (63, 1), (65, 1))
TINY = {f"{pad}_scratchpad.capacity_bytes": 1 for pad in PADS if pad != "vector"}
RULE = re.compile(r"(\w+_scratchpad\.capacity_bytes) must be at least (\d+) ")


def refusal(trace: Trace, chosen: dict[str, Any], bits: str) -> str:
    """Return why a trace cannot be planned; empty where it can."""
    config = ANT_FAMILY.config(None, chosen)
    found = widths(trace, trace.ops, config.array, bits)
    try:
        program(config, Lowering(trace, trace.ops, found, 1, config.array), lambda *said: None)
    except ConfigError as error:
        return str(error)
    return ""


@settings(max_examples=some_of(300), deadline=None, suppress_health_check=list(HealthCheck))
@given(traces(), SMALL, FLOWS, st.sampled_from(["4", "8"]))
@example(
    HALF_BYTES, TINY | {"activation_scratchpad.capacity_bytes": 2}, {"dataflow": "ws", "array.cols": 4}, "4"
)
def test_the_bytes_that_are_asked_for_are_the_least_that_do(
    trace: Trace, small: dict[str, int], flow: dict[str, Any], bits: str
) -> None:
    said = refusal(trace, {**flow, **small}, bits)
    asked = {name: int(least) for name, least in RULE.findall(said)}
    assume(asked)
    event(f"{len(asked)} scratchpads")
    assert all(least > small[name] for name, least in asked.items())
    assert refusal(trace, {**flow, **small, **asked}, bits) == ""
    if said.count("op ") > 1:
        return  # more for the one op may let the other do with less
    for name, least in asked.items():
        less = refusal(trace, {**flow, **small, **asked, name: least - 1}, bits)
        assert RULE.search(less), (said, name)


@pytest.mark.parametrize(
    ("tokens", "pad", "said"),
    [
        (40, "activation", "160 for scores of 40 keys"),
        (4, "activation", "72 for a query of 32 elements"),
        (40, "weight", "32 for a row of 32 elements"),
        (40, "accumulator", "256 for a query's results"),
        (40, "output", "64 for a query's results"),
    ],
)
def test_each_limit_of_attention_is_named_by_itself(tokens: int, pad: str, said: str) -> None:
    name = f"{pad}_scratchpad.capacity_bytes"
    found = refusal(pattern_trace(f"dense:{tokens}", head_dim=32), {name: 1}, "4")
    assert found == f"op 'attention': {name} must be at least {said}, not 1"


def test_heads_that_no_scratchpad_holds_name_all_four() -> None:
    found = refusal(pattern_trace("dense:2", head_dim=10**6), {}, "4")
    asked = [name.partition("_")[0] for name, _ in RULE.findall(found)]
    assert asked == ["activation", "weight", "accumulator", "output"]
    assert "activation_scratchpad.capacity_bytes must be at least 2000004 for a query of 1000000" in found


def test_of_several_layers_the_most_demanding_is_named() -> None:
    """ResNet-18 asks 1,024 bytes of the residual scratchpad for its first convolution, later ones more."""
    trace = load(find("resnet18"))
    said = refusal(trace, {"residual_scratchpad.capacity_bytes": 512}, "4")
    (least,) = (int(size) for _, size in RULE.findall(said))
    assert "shortcut" in said and least == 8064
    again = refusal(trace, {"residual_scratchpad.capacity_bytes": least - 1}, "4")
    assert again == said.replace("not 512", f"not {least - 1}")


def test_what_does_not_fit_is_said_before_anything_is_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    def planned(*arguments: object) -> None:
        raise AssertionError("a layer is planned")

    monkeypatch.setattr(program_of_a_run, "plan_layer", planned)
    assert "output_scratchpad" in refusal(small_trace(), {"output_scratchpad.capacity_bytes": 1}, "4")
