"""The commands of the circuits: every wrong argument is one short line, and long work is said to be long."""

import random
import re

import pytest

from tandemsim.rtl import build, synth
from tandemsim.sim.arch.salo.presets import SALO

LONGEST = 300
WORDS = [
    "pe",
    "rows",
    "array",
    "array.rows",
    "numerics",
    "numerics.exp",
    "dram.standard",
    "x" * 5000,
    "é\n\x1b[2J",
]
WORDS += [
    "",
    " ",
    "\0",
    "\udcff",
    "=",
    "..",
    "array.",
    "numerics.exp.slopes",
    "output_scratchpad",
    "clock_hz",
]
VALUES = ["", "0", "-1", "9" * 5000, "1e999", "None", "nan", "\x07", "1,2,,3", "y" * 3000, "a\nb"]


def wrong(seed):
    """Return arguments of which at least one is wrong: a unit or an option that is not there."""
    rng = random.Random(seed)
    word = rng.choice(WORDS)
    settings = ["--set", f"{rng.choice(WORDS)}{rng.choice(['=', '', '=='])}{rng.choice(VALUES)}"]
    return rng.choice(
        [
            [f"no {word}"],
            ["--preset", f"no {word}"],
            [f"--{word}no"],
            ["--set", f"no {word}={rng.choice(VALUES)}"],
            ["--set", f"{word}.no={rng.choice(VALUES)}"],
            ["--set", "array", *settings],
            ["--set", "array=1", *settings],
            [
                "--set",
                f"array.rows={rng.choice(['', '0', '-1', 'x' * 4000, '9' * 5000, 'a' + chr(10) + 'b'])}",
            ],
            ["--out", ""],
            ["--place", word + "no"],
            [*settings, "--set"],
        ]
    )


@pytest.mark.parametrize("command", [build, synth], ids=["build", "synth"])
@pytest.mark.parametrize("seed", range(120))
def test_a_wrong_argument_is_one_short_line_and_exit_code_2(command, seed, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    try:
        code = command.main(wrong(seed))
    except SystemExit as stopped:
        code = stopped.code
    said = capsys.readouterr()
    assert code == 2
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith(f"{command.PROGRAM}: ")
    assert len(line) <= LONGEST and line.isprintable()
    assert not [*tmp_path.iterdir()]


def test_a_long_word_is_cut_and_the_known_ones_are_still_named(capsys):
    assert build.main(["z" * 2000]) == 2
    said = capsys.readouterr().err
    assert said.startswith("python -m rtl.build: unknown unit 'zzz") and "z...; known: " in said
    assert len(said) <= LONGEST + 1


def test_a_unit_that_takes_long_says_about_how_long_before_it_begins(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(build, "build", lambda unit, config: ("", {}))
    assert build.main(["pe", "tile_engine", "--out", str(tmp_path / "large")]) == 0
    assert capsys.readouterr().err.splitlines() == ["building pe", "building tile_engine: about 11 s"]
    assert SALO.array.pes == 1088
    small = ["--set", "rows=4", "--set", "cols=4"]
    assert build.main(["tile_engine", *small, "--out", str(tmp_path / "small")]) == 0
    assert capsys.readouterr().err == "building tile_engine\n"


@pytest.mark.parametrize(
    ("unit", "scratchpad"), [("foot", "accumulator_scratchpad"), ("gemm", "output_scratchpad")]
)
def test_a_large_memory_takes_long_too(unit, scratchpad, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(build, "build", lambda unit, config: ("", {}))
    small = ["--set", "rows=4", "--set", "cols=4", "--out", str(tmp_path)]
    assert build.main([f"ant/{unit}", *small, "--set", f"{scratchpad}.capacity_bytes=1048576"]) == 0
    assert re.fullmatch(rf"building {unit}: about 2[5-9] s\n", capsys.readouterr().err)


@pytest.mark.parametrize("program", [build, synth])
def test_an_option_of_two_dashes_is_refused(program, capsys):
    with pytest.raises(SystemExit, match="2"):
        program.main(["--out=--"])
    assert "argument --out: expected a value, not '--'; see" in capsys.readouterr().err
