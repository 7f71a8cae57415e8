"""Accounts add up exactly, or the report is refused: multiplier-cycles, bytes by tensor, energy by action."""

import dataclasses
import json

import jsonschema
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.sim.report.contract import OpReport, Report, TensorTraffic
from tandemsim.sim.report.parquet import write_table
from tandemsim.sim.report.rules import InvariantError
from tandemsim.sim.report.schema import report_schema

NAMES = ("useful", "masked", "idle_columns", "last_block", "flush", "stall_dram")
ENTRY = {
    "op": "a",
    "bound": "the DRAM",
    "settings": [{"set": "dram.channels=2", "cycles": 90, "gain": 0.1}],
}


def op_with(account: dict[str, int], macs: int, cycles: int, multipliers: int) -> OpReport:
    return OpReport(
        name="a",
        kind="window_attention",
        cycles=cycles,
        compute_cycles=cycles,
        stall_cycles={},
        macs=macs,
        multipliers=multipliers,
        tiles=1,
        multiplier_cycles=account,
    )


@given(st.lists(st.integers(0, 10**6), min_size=6, max_size=6), st.integers(1, 64), st.integers(-3, 3))
def test_an_account_of_multipliers_is_taken_only_if_it_is_exact(parts, multipliers, wrong) -> None:
    cycles = -(-sum(parts) // multipliers)
    parts[1] += cycles * multipliers - sum(parts)  # what rounding the cycles up has added is masked
    account = dict(zip(NAMES, parts, strict=True))
    op_with(account, parts[0], cycles, multipliers)
    if wrong:
        with pytest.raises(InvariantError):
            op_with(account | {"masked": account["masked"] + wrong}, parts[0], cycles, multipliers)
        moved = {"useful": parts[0] - wrong, "masked": parts[1] + wrong}
        with pytest.raises(InvariantError):
            op_with(account | moved, parts[0], cycles, multipliers)


def test_the_runs_account_of_multipliers_is_held_to_the_runs_cycles(report: Report) -> None:
    account = dict(report.multiplier_cycles)
    with pytest.raises(InvariantError, match="the run: .* cycles of multipliers, but its account has"):
        dataclasses.replace(report, multiplier_cycles=account | {"masked": account["masked"] + 1})
    moved = {"useful": account["useful"] - 1, "masked": account["masked"] + 1}
    with pytest.raises(InvariantError, match="the run: .* useful cycles of multipliers"):
        dataclasses.replace(report, multiplier_cycles=account | moved)


@pytest.mark.parametrize("more", [-1, 1])
def test_bytes_read_by_tensor_are_those_that_were_asked_for(report: Report, more: int) -> None:
    query = report.dram_tensors["query"]
    wrong = dataclasses.replace(query, read_bytes=query.read_bytes + more)
    with pytest.raises(InvariantError, match="the run: tensors of .* bytes read"):
        dataclasses.replace(report, dram_tensors={**report.dram_tensors, "query": wrong})


def test_no_op_has_more_bytes_by_tensor_than_in_bursts(report: Report) -> None:
    (op, *_) = report.ops
    dataclasses.replace(op, dram_read_bytes=op.dram_read_bytes + 60)  # bursts round up
    with pytest.raises(InvariantError, match="tensors of .* bytes read, of .* in bursts"):
        dataclasses.replace(op, dram_read_bytes=op.dram_read_bytes - 1)
    with pytest.raises(InvariantError, match="tensors of .* bytes written, of .* in bursts"):
        dataclasses.replace(op, dram_write_bytes=op.dram_write_bytes - 1)


def test_re_reads_are_bytes_read_over_bytes_of_the_tensor(report: Report) -> None:
    assert report.dram_tensors["key"].times_read == 2.0
    assert TensorTraffic(read_bytes=0, write_bytes=5, size_bytes=0).times_read == 0.0


@pytest.mark.parametrize("name", ["array.multiply", "scratchpad.key", "dram.read", "static"])
@pytest.mark.parametrize("factor", [0.9, 1 + 1e-6])
def test_actions_are_the_energy_of_their_part(report: Report, name: str, factor: float) -> None:
    actions = dict(report.energy_actions_pj)
    dataclasses.replace(report, energy_actions_pj=actions | {name: actions[name] * (1 + 1e-11)})
    with pytest.raises(InvariantError, match=rf"pJ in {name.split('.')[0]}, but its actions have"):
        dataclasses.replace(report, energy_actions_pj=actions | {name: actions[name] * factor})


def test_a_part_without_its_actions_is_refused(report: Report) -> None:
    actions = {name: spent for name, spent in report.energy_actions_pj.items() if name != "static"}
    with pytest.raises(InvariantError, match="pJ in static, but its actions have 0.0"):
        dataclasses.replace(report, energy_actions_pj=actions)
    with pytest.raises(InvariantError, match="wires belongs to none of"):
        dataclasses.replace(report, energy_actions_pj={**report.energy_actions_pj, "wires": 0.0})


def test_an_explanation_is_in_the_json_and_validates(report: Report) -> None:
    explained = dataclasses.replace(report, explanation=(ENTRY,))
    document = json.loads(explained.as_json())
    assert document["explanation"] == [ENTRY]
    jsonschema.Draft202012Validator(report_schema()).validate(document)


@pytest.mark.parametrize("key", ["op", "bound", "settings"])
def test_an_explanation_without_a_field_is_refused(report: Report, key: str) -> None:
    entry = {name: value for name, value in ENTRY.items() if name != key}
    with pytest.raises(InvariantError, match=rf"explanation: an entry without \['{key}'\]"):
        dataclasses.replace(report, explanation=(entry,))
    document = json.loads(report.as_json()) | {"explanation": [entry]}
    with pytest.raises(jsonschema.ValidationError, match=f"'{key}' is a required property"):
        jsonschema.Draft202012Validator(report_schema()).validate(document)


def test_accounts_stand_in_the_json_of_the_run_and_of_each_op(report: Report) -> None:
    document = json.loads(report.as_json())
    for record in (document, *document["ops"]):
        assert sum(record["multiplier_cycles"].values()) == record["cycles"] * record["multipliers"]
        assert record["dram_tensors"]["key"].keys() == {"read_bytes", "write_bytes", "size_bytes"}
    assert document["energy_actions_pj"] == dict(report.energy_actions_pj)


def test_an_op_without_a_name_of_the_account_has_a_zero_in_the_table(report: Report, tmp_path) -> None:
    first, *others = report.ops
    account = {name: cycles for name, cycles in first.multiplier_cycles.items() if cycles}
    assert account.keys() < first.multiplier_cycles.keys()
    ops = (dataclasses.replace(first, multiplier_cycles=account), *others)
    write_table(tmp_path / "t", dataclasses.replace(report, ops=ops))
    rows = [row for row in pq.read_table(tmp_path / "t").to_pylist() if row["ran"]]
    for row, op in zip(rows, report.ops, strict=True):
        found = {name: row[f"multiplier_cycles_{name}"] for name in op.multiplier_cycles}
        assert found == op.multiplier_cycles
        assert sum(found.values()) == row["cycles"] * row["multipliers"]
