import dataclasses
import io
import os
import re

import pytest

from tandemsim.sim.report.contract import Report
from tandemsim.sim.report.format import width_of
from tandemsim.sim.report.text import print_report, report_text

WIDEST = 100


EXPLAINED = [
    {
        "op": f"encoder.layer.{layer}.attention.self.window",
        "bound": "the DRAM: operands come late",
        "settings": [{"set": "dram.channels=2", "cycles": 2_900_000, "gain": 0.0738}],
    }
    for layer in range(12)
]
EVIL = "\x1b[31m中文\x07 a\nb\x00\u202e🙂"


def widths(text: str) -> set[int]:
    return {width_of(line) for line in text.splitlines()}


def section(text: str, heading: str) -> list[str]:
    """A section's lines, its heading first."""
    (found,) = [part for part in text.split("\n\n") if part.startswith(heading)]
    return found.splitlines()


@pytest.mark.parametrize("layers", [1, 12, 24])
def test_text_fits_in_100_columns(make_report, layers: int) -> None:
    assert max(widths(report_text(make_report(layers)))) <= WIDEST


def test_text_fits_in_100_columns_with_names_and_notes_of_any_length(make_report, make_op) -> None:
    ops = tuple(make_op(0, name="x" * 300 + f".{tail}") for tail in ("first", "last"))
    run = {name: getattr(ops[0], name) for name in ("cycles", "compute_cycles", "stall_cycles")}
    ops = tuple(dataclasses.replace(op, macs=1) for op in ops)
    report = make_report(
        1, ops=ops, **run, workload="w" * 200, notes=("word " * 90,), extra={"list": [1] * 90}
    )
    assert max(widths(report_text(report))) <= WIDEST


@pytest.mark.parametrize("width", [0, 1, 40, 72, 80, 99, 100, 300])
def test_text_fits_the_terminal_down_to_72_columns(report: Report, width: int) -> None:
    assert max(widths(report_text(report, width))) <= min(max(width, 72), WIDEST)


def test_text_says_what_share_of_the_model_ran(report: Report) -> None:
    text = report_text(report)
    assert "8.5 % of the model's 444 GMAC ran" in text
    assert "gemm" in text and "91.5 %" in text and "this array computes windowed attention only" in text


def test_text_has_the_figures_of_the_run(report: Report) -> None:
    text = report_text(report)
    for figure in (
        f"{report.cycles:,}",
        "37.8 ms at 1 GHz",
        "0.915",
        "1,088 multipliers",
        "97.3 % row hits",
        "1.12 W",
    ):
        assert figure in text, figure


def test_text_shows_the_notes(report: Report) -> None:
    assert "the published design was not synthesized at 1 GHz." in " ".join(report_text(report).split())


def test_notes_come_after_every_result(report: Report) -> None:
    assert report_text(report).rstrip().split("\n\n")[-1].startswith("note: ")


def test_the_multipliers_cycles_are_shown_and_sum_to_all_of_them(report: Report) -> None:
    _, *lines = section(report_text(report), "where the multipliers' cycles went (1,088 multipliers)")
    assert len(lines) == len(report.multiplier_cycles)
    shares = [float(share) for line in lines for share in re.findall(r"([\d.]+) %", line)]
    assert sum(shares) == pytest.approx(100, abs=0.5)
    assert "the model's MACs" in lines[0] and "91.5 %" in lines[0]


def test_stalls_are_shown_with_their_meaning(report: Report) -> None:
    lines = section(report_text(report), "where the cycles went")
    assert re.search("cold fill +first operands +2,310", lines[3])


def test_re_reads_are_a_number(report: Report) -> None:
    text = report_text(report)
    lines = {line.split()[0]: line for line in section(text, "DRAM by tensor")}
    assert "2 times" in lines["key"] and "once" in lines["query"] and "times" not in lines["output"]
    assert "asked for" not in text


def test_bursts_that_were_read_for_nothing_are_said(make_report, report: Report) -> None:
    dram = dataclasses.replace(report.dram, useful_read_bytes=report.dram.read_bytes * 3 // 4)
    assert "25.0 % of the read only filled bursts up" in " ".join(report_text(make_report(dram=dram)).split())
    assert "bursts" not in report_text(report)


def test_energy_is_shown_by_action_below_its_part(report: Report) -> None:
    lines = [line.split()[0] for line in section(report_text(report), "where the energy went")[1:]]
    array, scratchpad = ["array", "multiply", "registers"], ["scratchpad", "query", "key"]
    assert lines == [*array, *scratchpad, "DRAM", "background", "read", "static"]


def test_an_explanation_is_shown_once_for_ops_that_are_alike(report: Report) -> None:
    text = report_text(dataclasses.replace(report, explanation=tuple(EXPLAINED)))
    _, *lines = section(text, "what bounds each op")
    assert [line.strip() for line in lines] == [
        "encoder.layer.0-11.attention.self.window: the DRAM: operands come late",
        "dram.channels=2  2,900,000 cycles  7.4 % fewer",
    ]
    other = {**EXPLAINED[3], "bound": "the multipliers", "settings": []}
    text = report_text(dataclasses.replace(report, explanation=(*EXPLAINED, other)))
    assert len(section(text, "what bounds each op")) == 4


def test_of_many_explanations_those_of_the_longest_ops_are_shown(make_report, make_op) -> None:
    ops = tuple(make_op(layer, name=f"op{'x' * layer}") for layer in range(20))
    said = [{"op": "the whole run", "bound": "the run", "settings": []}]
    said += [{"op": op.name, "bound": "the array", "settings": []} for op in ops]
    every = {name: sum(getattr(op, name) for op in ops) for name in ("cycles", "compute_cycles")}
    stalls = {name: sum(op.stall_cycles[name] for op in ops) for name in ops[0].stall_cycles}
    report = make_report(1, ops=ops, **every, stall_cycles=stalls, explanation=tuple(said))
    _, first, *lines = section(report_text(report), "what bounds each op")
    assert first.strip() == "the whole run: the run"
    longest = sorted(ops, key=lambda op: -op.cycles)[:11]
    assert [line.split(":")[0].strip() for line in lines[:-1]] == [op.name for op in ops if op in longest]
    assert lines[-1].strip() == "and 9 more, all of them shorter; --json and --out have each"


@pytest.mark.parametrize("width", [72, 100])
def test_no_name_reaches_the_terminal_with_more_than_what_can_be_seen(report: Report, width: int) -> None:
    names = [f"{op.name}{EVIL}" for op in report.ops]
    evil = dataclasses.replace(
        report,
        workload=EVIL,
        preset=EVIL,
        ops=tuple(dataclasses.replace(op, name=name) for op, name in zip(report.ops, names, strict=True)),
        not_run=tuple(dataclasses.replace(op, kind=EVIL, reason=EVIL) for op in report.not_run[:2]),
        settings={EVIL: EVIL},
        notes=(EVIL,),
        extra={EVIL: EVIL, "functional": [{"op": EVIL}]},
        explanation=({"op": names[0], "bound": EVIL, "settings": []},),
    )
    text = report_text(evil, width)
    assert all(line.isprintable() for line in text.splitlines())
    assert max(widths(text)) <= width
    head, row = section(text, "ops (fi")
    assert width_of(row) == width_of(head) and " 12 " in row


def test_equal_layers_are_one_line(report: Report) -> None:
    lines = [line for line in report_text(report).splitlines() if "attention.self" in line]
    assert len(lines) == 1
    assert "encoder.layer.0-11.attention.self.window" in lines[0] and " 12 " in lines[0]


def test_bars_are_as_long_as_their_shares(report: Report) -> None:
    lines = report_text(report).splitlines()
    bars = {line.split()[0]: line.count("█") for line in lines if "█" in line}
    assert bars["array"] / bars["DRAM"] == pytest.approx(2.31 / 0.97, rel=0.1)


def test_long_networks_say_how_many_ops_they_leave_out(make_report, make_op) -> None:
    names = [f"conv_{first}{second}" for first in "abcde" for second in "abcdefghij"]
    ops = tuple(dataclasses.replace(make_op(0, name=name), macs=0) for name in names)
    run = {name: getattr(ops[0], name) for name in ("cycles", "compute_cycles", "stall_cycles")}
    text = report_text(make_report(1, ops=ops, **run))
    assert text.count("\n  conv") == 40
    assert "and 10 more" in text


def test_text_of_a_run_of_nothing_says_so(empty_report: Report) -> None:
    text = report_text(empty_report)
    assert "Nothing of this model runs on this machine." in text
    assert max(widths(text)) <= WIDEST


def test_text_of_a_whole_model_says_so(make_report) -> None:
    assert "The whole model ran." in report_text(make_report(2, not_run=()))


def test_ideal_memory_has_no_row_buffers_and_no_limit(make_report, report: Report) -> None:
    none = dataclasses.replace(report.dram, row_hits=0, row_misses=0, row_conflicts=0)
    text = " ".join(report_text(make_report(12, dram=none, dram_peak_bytes_per_cycle=None)).split())
    assert "row hits" not in text and "B/cycle of no limit" in text


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "utf-8"])
def test_any_stream_can_carry_the_text(report: Report, encoding: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    print_report(report, stream)
    stream.flush()
    text = stream.buffer.getvalue().decode(encoding)
    assert f"{report.cycles:,}" in text and "?" not in text and "\x1b" not in text


@pytest.mark.parametrize("columns", ["1", "20", "80", "9999"])
def test_any_terminal_width_is_survived(
    report: Report, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setitem(os.environ, "COLUMNS", columns)
    stream = io.StringIO()
    print_report(report, stream)
    assert max(widths(stream.getvalue())) <= WIDEST


def test_an_area_of_another_basis_is_said_beside_the_published_one(make_report) -> None:
    text = report_text(make_report(area_mm2=4.56, extra={"area_estimate_mm2": 9.82, "batch": 1}))
    assert "4.56 mm² (9.82 mm² by our count of gates)" in text
    assert "\nbatch 1\n" in text and "estimate" not in text
    same = report_text(make_report(area_mm2=4.56, extra={"area_estimate_mm2": 4.56}))
    assert "4.56 mm²" in same and "count of gates" not in same
