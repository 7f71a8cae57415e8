import dataclasses
import io
import os

import pytest

from sim.report import Report
from sim.report_text import print_report, report_text

WIDEST = 100


def widths(text: str) -> set[int]:
    return {len(line) for line in text.splitlines()}


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
    assert "the published design was not synthesised at 1 GHz." in " ".join(report_text(report).split())


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
