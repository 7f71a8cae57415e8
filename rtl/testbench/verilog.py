"""Writes the testbench of a unit with streams: Verilog, and a file of words and cycles for each stream.

One process a stream drives it and watches it: inputs change with the falling edge of the clock, a word moves
with the rising one. A line of a file is three numbers: the idle cycles of the stream's other end before the
word, the cycle in which it moves, and the word.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tandemsim.rtl.testbench.run import Stream

QUIET = 40  # cycles after the last word in which nothing more may come
LATE = 2 * QUIET  # cycles after the last word in which a circuit that hangs is given up
PILE_UP = 50  # cycles before a reset in which no word is taken, so that some wait inside
NEVER = (1 << 32) - 1  # the cycle of the line behind the last word
TEMPLATES = Path(__file__).parent / "templates"


def testbench(unit: str, module: str, streams: Sequence[Stream], work: str) -> dict[str, str]:
    """Return the files of a testbench by name: its Verilog, and the words and cycles of each stream.

    `module` is the name of the unit's module, `work` what it is given, in words.
    """
    names = [stream.name for stream in streams]
    last = max(cycle for stream in streams for cycle in stream.cycles)
    text = _filled(
        "top",
        unit=unit,
        module=module,
        work=work,
        broken_off=_broken_off(streams),
        limit=last + LATE,
        quiet=QUIET,
        pile_up=PILE_UP,
        words=sum(len(stream.words) for stream in streams),
        count=len(streams),
        cycles=last + 1,
        wires="\n".join(_wires(stream) for stream in streams),
        ports=",\n    ".join([".clk(clk)", ".rst(rst)", *(port for name in names for port in _ports(name))]),
        streams="\n".join(_instance(unit, module, stream) for stream in streams),
        all_done=" && ".join(f"{name}_done" for name in names),
        reports="\n      else ".join(f"if (on_{name}.bad) on_{name}.report;" for name in names),
        late="\n        else ".join(f"if (!{name}_done) on_{name}.report_late;" for name in names),
    )
    files = {f"{unit}_tb.v": f"{text}\n{_filled('stream', module=module, never=f'{NEVER:x}')}"}
    return files | {f"{unit}_{stream.name}.hex": lines(stream) for stream in streams}


def lines(stream: Stream) -> str:
    """Return the file of a stream."""
    digits = -(-stream.width // 4)
    rows = zip([*stream.gaps, 0], [*stream.cycles, NEVER], [*stream.words, 0], strict=True)
    return "".join(f"{gap:08x}_{cycle:08x}_{word:0{digits}x}\n" for gap, cycle, word in rows)


def _filled(template: str, **parts: object) -> str:
    return (TEMPLATES / f"{template}.v").read_text().format(**parts)


def _broken_off(streams: Sequence[Stream]) -> int:
    """Return the cycles after which a reset breaks off: behind the first word that leaves."""
    return min((stream.cycles[0] + 1 for stream in streams if not stream.enters and stream.words), default=0)


def _wires(stream: Stream) -> str:
    name, width = stream.name, stream.width
    return f"  wire {name}__valid, {name}__ready, {name}_done;\n  wire [{width - 1}:0] {name}__payload;"


def _ports(name: str) -> list[str]:
    return [f".{name}__{part}({name}__{part})" for part in ("payload", "valid", "ready")]


def _instance(unit: str, module: str, stream: Stream) -> str:
    name, bits, count = stream.name, stream.width, len(stream.words)
    own, other = ("valid", "ready") if stream.enters else ("ready", "valid")
    offered = f"{name}__payload" if stream.enters else ""
    return f"""\
  {module}_tb_stream #(
    .NAME("{name}"), .FILE("{unit}_{name}.hex"),
    .WIDTH({bits}), .COUNT({count}), .ENTERS({int(stream.enters)})
  ) on_{name} (
    .clk(clk), .rst(rst), .restart(restart), .hold(hold), .cycle(cycle),
    .go({name}__{own}), .other({name}__{other}),
    .offered({offered}), .seen({name}__payload), .done({name}_done)
  );"""
