import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.sim.report.contract import NotRun
from tandemsim.sim.report.format import exact, percent, plain, si, times, title
from tandemsim.sim.report.groups import grouped, longest, not_run_groups, ranges

PREFIX = {"p": 1e-12, "n": 1e-9, "µ": 1e-6, "m": 1e-3, "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


def named(make_op, *names: str, **changes: object) -> list:
    return [dataclasses.replace(make_op(1), name=name, **changes) for name in names]


def test_layers_that_do_the_same_work_are_one_group(make_op) -> None:
    ops = named(make_op, *(f"encoder.layer.{layer}.attention.self" for layer in range(12)))
    (group,) = grouped(ops)
    assert group.name == "encoder.layer.0-11.attention.self"
    assert group.cycles == 12 * ops[0].cycles
    assert group.cycles_each == f"{ops[0].cycles:,}"


def test_the_number_in_which_most_names_differ_is_the_range(make_op) -> None:
    ops = named(
        make_op, "stage1.block0.attn2", "stage1.block1.attn2", "stage1.block2.attn2", "stage2.block0.attn2"
    )
    assert [group.name for group in grouped(ops)] == ["stage1.block0-2.attn2", "stage2.block0.attn2"]


def test_interleaved_kinds_keep_the_order_of_their_first_ops(make_op) -> None:
    ops = [
        op
        for layer in range(3)
        for op in (
            *named(make_op, f"layer.{layer}.qk"),
            *named(make_op, f"layer.{layer}.pv", kind="gemm"),
        )
    ]
    assert [group.name for group in grouped(ops)] == ["layer.0-2.qk", "layer.0-2.pv"]


def test_ops_of_other_work_stay_apart(make_op) -> None:
    ops = [*named(make_op, "layer.0", "layer.1"), *named(make_op, "layer.2", tiles=1)]
    assert [group.name for group in grouped(ops)] == ["layer.0-1", "layer.2"]


def test_ops_whose_cycles_differ_by_more_than_a_percent_stay_apart(make_op) -> None:
    ops = named(make_op, "layer.0", "layer.1", "layer.2")
    slow = ops[1].cycles // 50
    ops[1] = dataclasses.replace(
        ops[1], cycles=ops[1].cycles + slow, stall_cycles={**ops[1].stall_cycles, "x": slow}
    )
    assert [group.name for group in grouped(ops)] == ["layer.0,2", "layer.1"]


def test_groups_of_nearly_equal_ops_say_that_their_cycles_are_an_average(make_op) -> None:
    ops = [make_op(0), make_op(1)]
    (group,) = grouped(ops)
    assert group.cycles_each == f"~{round((ops[0].cycles + ops[1].cycles) / 2):,}"


def test_ops_without_numbers_and_ops_of_one_name_are_kept(make_op) -> None:
    groups = grouped(named(make_op, "attention", "attention", "head"))
    assert [(group.name, len(group.ops)) for group in groups] == [("attention", 2), ("head", 1)]


@given(names=st.lists(st.text("ab01.", max_size=6), max_size=12))
def test_every_op_is_in_exactly_one_group(make_op, names: list[str]) -> None:
    ops = named(make_op, *names)
    held = [id(op) for group in grouped(ops) for op in group.ops]
    assert sorted(held) == sorted(id(op) for op in ops)


def test_longest_groups_keep_their_order(make_op) -> None:
    cycles = {"a": 5, "b": 9, "c": 1, "d": 7}
    ops = [
        dataclasses.replace(op, cycles=length, compute_cycles=length, stall_cycles={}, macs=0)
        for (name, length) in cycles.items()
        for op in named(make_op, name)
    ]
    assert [group.name for group in longest(grouped(ops), 2)] == ["b", "d"]


@given(st.sets(st.integers(0, 40), min_size=1))
def test_ranges_name_exactly_the_numbers(numbers: set[int]) -> None:
    said: list[int] = []
    for part in ranges(numbers).split(","):
        low, _, high = part.partition("-")
        said += range(int(low), int(high or low) + 1)
    assert said == sorted(numbers)


def test_ranges_join_neighbors() -> None:
    assert ranges([3, 0, 1, 7, 2]) == "0-3,7"


def test_not_run_groups_count_each_op_and_its_macs_once() -> None:
    ops = [
        NotRun(name="a", kind="softmax", macs=0, reason="host"),
        NotRun(name="b", kind="gemm", macs=5, reason="host"),
        NotRun(name="c", kind="gemm", macs=7, reason="host"),
        NotRun(name="d", kind="gemm", macs=1, reason="too wide"),
    ]
    groups = [(group.kind, group.reason, group.count, group.macs) for group in not_run_groups(ops)]
    assert groups == [("gemm", "host", 2, 12), ("gemm", "too wide", 1, 1), ("softmax", "host", 1, 0)]


@given(st.floats(1e-12, 9.9e14))
def test_si_shows_three_digits_of_the_value(value: float) -> None:
    number, unit = si(value, "X").split(" ")
    assert 1 <= float(number) < 1000
    assert len(number.replace(".", "")) == 3
    assert float(number) * PREFIX[unit.removesuffix("X")] == pytest.approx(value, rel=0.0051)


@pytest.mark.parametrize(
    "value, text",
    [
        (0, "0 J"),
        (999.4, "999 J"),
        (999.6, "1.00 kJ"),
        (37.66e9, "37.7 GJ"),
        (-0.5, "-500 mJ"),
        (4.56e-13, "0.456 pJ"),
    ],
)
def test_si_chooses_the_prefix_after_rounding(value: float, text: str) -> None:
    assert si(value, "J") == text


@pytest.mark.parametrize(
    "value, text", [(10**9, "1 GHz"), (1_600_000_000, "1.6 GHz"), (500_000_000, "500 MHz"), (32, "32 Hz")]
)
def test_clocks_are_shown_with_the_digits_they_have(value: int, text: str) -> None:
    assert exact(value, "Hz") == text


@pytest.mark.parametrize(
    "part, whole, text",
    [
        (0, 5, "0.0 %"),
        (1, 10**6, "< 0.1 %"),
        (999_999, 10**6, "> 99.9 %"),
        (1, 1, "100.0 %"),
        (0, 0, "0.0 %"),
    ],
)
def test_small_shares_are_never_shown_as_nothing_nor_large_ones_as_all(
    part: int, whole: int, text: str
) -> None:
    assert percent(part, whole) == text


def test_values_are_shown_as_people_write_them() -> None:
    value = {"rows": 1024, "cold_fill": True, "area": None, "shape": [32, 0.123456]}
    assert plain(value) == "rows 1,024, cold fill yes, area none, shape 32, 0.1235"
    assert title("dram") == "DRAM"


def test_counts_that_are_all_zero_are_none() -> None:
    assert plain({"saturations": {"query": 0, "key": 0}}) == "saturations none"
    assert plain({"query": 0, "key": 2}) == "query 0, key 2" and plain({"mean": 0.0}) == "mean 0"


@pytest.mark.parametrize(
    "ratio, text", [(1.0, "once"), (17.24, "17.2 times"), (1.004, "once"), (0.5, "0.5 times")]
)
def test_how_often_bytes_were_read_is_a_number(ratio: float, text: str) -> None:
    assert times(ratio) == text


def test_what_became_of_multipliers_is_shown_in_words() -> None:
    assert title("stall_cold_fill") == "stalled: cold fill" and title("exponential_sum") == "exponential, sum"
