import dataclasses
import json
import re
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from tandemsim.sim.report.contract import KEYS, DramTraffic, Energy, OpReport, Report, ScratchpadTraffic
from tandemsim.sim.report.rules import InvariantError
from tandemsim.sim.report.schema import report_schema, schema_text

SCHEMA_FILE = Path(__file__).parents[2] / "docs" / "report.schema.json"
DIGEST = re.compile("[0-9a-f]{64}")

# Typed from the contract's example, independently of the code: key -> type of its value.
CONTRACT = {
    "schema": str,
    "workload": str,
    "machine": str,
    "preset": str,
    "config": dict,
    "config_digest": str,
    "trace_digest": str,
    "version": str,
    "clock_hz": int,
    "cycles": int,
    "seconds": float,
    "macs": int,
    "utilization": float,
    "compute_cycles": int,
    "stall_cycles": dict,
    "dram": dict,
    "scratchpad": dict,
    "energy_pj": dict,
    "power_w": float,
    "area_mm2": float,
    "ops": list,
    "not_run": list,
}
CONTRACT_OP = {
    "name": str,
    "kind": str,
    "cycles": int,
    "compute_cycles": int,
    "stall_cycles": dict,
    "macs": int,
    "utilization": float,
    "tiles": int,
}


@pytest.fixture(scope="module")
def document(report: Report) -> dict:
    return json.loads(report.as_json())


def assert_contract(record: dict, contract: dict) -> None:
    """Every key of the contract is there, in its order, and of its type."""
    assert [key for key in record if key in contract] == list(contract)
    assert {key: type(record[key]) for key in contract} == contract


def test_json_has_the_keys_and_types_of_the_contract(document: dict) -> None:
    assert_contract(document, CONTRACT)
    assert document["schema"] == "tandem-report/1"
    assert DIGEST.fullmatch(document["config_digest"]) and DIGEST.fullmatch(document["trace_digest"])


def test_ops_have_the_keys_and_types_of_the_contract(document: dict) -> None:
    for op in document["ops"]:
        assert_contract(op, CONTRACT_OP)
        assert set(map(type, op["stall_cycles"].values())) == {int}


def test_nested_records_have_the_keys_of_the_contract(document: dict) -> None:
    traffic = ["read_bytes", "write_bytes", "useful_read_bytes", "row_hits", "row_misses", "row_conflicts"]
    assert list(document["dram"]) == traffic
    assert list(document["energy_pj"]) == ["array", "scratchpad", "dram", "static"]
    assert all(list(record) == ["read_bytes", "write_bytes"] for record in document["scratchpad"].values())
    assert all(list(record) == ["name", "kind", "macs", "reason"] for record in document["not_run"])


def test_totals_follow_from_what_ran(document: dict) -> None:
    macs = sum(op["macs"] for op in document["ops"])
    assert document["macs"] == macs
    assert document["seconds"] == document["cycles"] / document["clock_hz"]
    assert document["utilization"] == pytest.approx(macs / (document["cycles"] * 1088))
    joules = sum(document["energy_pj"].values()) * 1e-12
    assert document["power_w"] == pytest.approx(joules / document["seconds"])
    missing = sum(op["macs"] for op in document["not_run"])
    assert document["macs_share"] == pytest.approx(macs / (macs + missing))


def test_json_keeps_every_field_of_every_record(report: Report, document: dict) -> None:
    for record in KEYS:
        fields = {field.name for field in dataclasses.fields(record)} - {"extra"}
        assert fields <= set(KEYS[record])


def test_the_same_report_gives_the_same_bytes(make_report) -> None:
    assert make_report().as_json() == make_report().as_json()


def test_numpy_integers_are_written_as_integers(make_op) -> None:
    op = dataclasses.replace(make_op(1), tiles=np.int64(7), macs=np.int32(5))
    assert json.loads(json.dumps(op.tiles.item())) == 7
    assert op.utilization == 5 / (op.cycles * op.multipliers)


def test_numpy_integers_in_a_report_are_written_as_integers(make_report, make_op) -> None:
    op = dataclasses.replace(make_op(1), tiles=np.int64(7), start_cycle=np.int64(0))
    report = make_report(1, ops=(op,), extra={"saturations": np.int64(3)})
    document = json.loads(report.as_json())
    assert document["ops"][0]["tiles"] == 7 and document["saturations"] == 3


def test_extra_fields_follow_the_contracts_own(make_report) -> None:
    report = make_report(1, extra={"functional": {"mean_error": 0.001}})
    document = json.loads(report.as_json())
    assert document["functional"] == {"mean_error": 0.001}
    assert document["ops"][0]["pattern"] == "-256..256, global 0"
    assert list(document["ops"][0])[-2:] == ["pattern", "saturations"]


def test_published_schema_is_what_the_code_generates() -> None:
    assert SCHEMA_FILE.read_text() == schema_text(), (
        "run: python -m sim.report.schema > docs/report.schema.json"
    )


def test_sample_report_validates_against_the_schema(document: dict) -> None:
    jsonschema.Draft202012Validator.check_schema(report_schema())
    jsonschema.Draft202012Validator(report_schema()).validate(document)


def test_report_without_ops_validates_against_the_schema(empty_report: Report) -> None:
    jsonschema.Draft202012Validator(report_schema()).validate(json.loads(empty_report.as_json()))


@pytest.mark.parametrize(
    "key, value",
    [
        ("cycles", -1),
        ("cycles", 1.5),
        ("utilization", 1.01),
        ("trace_digest", "abc"),
        ("schema", "tandem-report/2"),
        ("area_mm2", "4.56"),
        ("notes", [1]),
        ("stall_cycles", {"dram": -3}),
        ("scratchpad", {"key": {"read_bytes": 1}}),
    ],
)
def test_schema_refuses_a_wrong_value(document: dict, key: str, value: object) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(report_schema()).validate(document | {key: value})


@pytest.mark.parametrize("key", list(CONTRACT))
def test_schema_refuses_a_report_without_a_key(document: dict, key: str) -> None:
    without = {name: value for name, value in document.items() if name != key}
    with pytest.raises(jsonschema.ValidationError, match=f"'{key}' is a required property"):
        jsonschema.Draft202012Validator(report_schema()).validate(without)


def test_schema_describes_every_field() -> None:
    schema = report_schema()
    described = [
        schema,
        *schema["properties"].values(),
        *schema["properties"]["ops"]["items"]["properties"].values(),
    ]
    assert all("description" in part or "const" in part for part in described)


def test_op_whose_cycles_are_not_compute_and_stalls_is_refused(make_op) -> None:
    op = make_op(1)
    with pytest.raises(InvariantError, match="cycles, but compute and stalls are"):
        dataclasses.replace(op, cycles=op.cycles + 1)


def test_report_whose_cycles_are_not_compute_and_stalls_is_refused(report: Report) -> None:
    with pytest.raises(InvariantError, match="the run: .* cycles, but compute and stalls are"):
        dataclasses.replace(report, compute_cycles=report.compute_cycles - 1)


def test_more_macs_than_multipliers_allow_are_refused(make_op) -> None:
    op = make_op(1)
    dataclasses.replace(op, macs=op.cycles * op.multipliers)
    with pytest.raises(InvariantError, match="MACs, of at most"):
        dataclasses.replace(op, macs=op.cycles * op.multipliers + 1)


def test_overlapping_ops_with_more_macs_than_the_run_allows_are_refused(make_report, make_op) -> None:
    full = make_op(1)
    full = dataclasses.replace(full, macs=full.cycles * full.multipliers)
    alone = {"cycles": full.cycles, "compute_cycles": full.compute_cycles, "stall_cycles": full.stall_cycles}
    make_report(1, ops=(full,), **alone)
    with pytest.raises(InvariantError, match="the run: .* MACs, of at most"):
        make_report(1, ops=(full, full), **alone)


def test_op_that_ends_after_the_run_is_refused(make_report, make_op) -> None:
    op = make_op(1)
    run = {"cycles": op.cycles, "compute_cycles": op.compute_cycles, "stall_cycles": op.stall_cycles}
    make_report(1, ops=(op,), **run)
    with pytest.raises(InvariantError, match="ends in cycle"):
        make_report(1, ops=(dataclasses.replace(op, start_cycle=1),), **run)


@pytest.mark.parametrize("field", ["tiles", "macs", "start_cycle", "dram_read_bytes", "dram_write_bytes"])
def test_negative_counts_of_an_op_are_refused(make_op, field: str) -> None:
    with pytest.raises(InvariantError, match=f"{field} is -1"):
        dataclasses.replace(make_op(1), **{field: -1})


def test_negative_stalls_are_refused_even_where_the_sum_is_right(make_op) -> None:
    op = make_op(1)
    with pytest.raises(InvariantError, match="drain is -1"):
        dataclasses.replace(op, cycles=op.compute_cycles, stall_cycles={"dram": 1, "drain": -1})


def test_useful_bytes_above_those_read_are_refused() -> None:
    counts = dict.fromkeys(("write_bytes", "row_hits", "row_misses", "row_conflicts"), 0)
    DramTraffic(read_bytes=64, useful_read_bytes=64, **counts)
    with pytest.raises(InvariantError, match="65 useful bytes of 64"):
        DramTraffic(read_bytes=64, useful_read_bytes=65, **counts)


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_energy_that_is_no_amount_is_refused(value: float) -> None:
    with pytest.raises(InvariantError, match="energy: array is"):
        Energy(array=value, scratchpad=0.0, dram=0.0, static=0.0)


def test_extra_field_that_hides_a_field_of_the_contract_is_refused(make_op) -> None:
    with pytest.raises(InvariantError, match=r"extra fields \['macs'\] hide fields of OpReport"):
        dataclasses.replace(make_op(1), extra={"macs": 1})
    with pytest.raises(InvariantError, match="hide fields of ScratchpadTraffic"):
        ScratchpadTraffic(read_bytes=1, write_bytes=1, extra={"read_bytes": 2})


def test_run_of_no_op_has_no_utilization_and_no_power(empty_report: Report) -> None:
    assert (empty_report.utilization, empty_report.power_w, empty_report.macs_share) == (0.0, 0.0, 0.0)


def test_op_fields_are_immutable(make_op) -> None:
    op: OpReport = make_op(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        op.cycles = 1  # type: ignore[misc]
