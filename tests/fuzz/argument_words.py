"""Command lines of random words: commands, options twice or without a value, words of 5,000 characters."""

from __future__ import annotations

import json
import random

from tests.fuzz import setting_words
from tests.fuzz.judge import Judge
from tests.fuzz.trace_structure import sealed_small

WORDS = (
    "",
    " ",
    "-",
    "--",
    "---",
    "x",
    "1",
    "0",
    "-1",
    "99",
    "nan",
    "1e9",
    "x.json",
    "x.csv",
    "x.toml",
    "x.npz",
    ".",
)
WORDS += (
    "missing.json",
    "missing/x",
    "/dev/null",
    "/dev/full",
    "/proc/self/mem",
    "y.json",
    "old.json",
    "folder",
    "..",
)
WORDS += (
    "a" * 5000,
    "-" + "a" * 5000,
    "--" + "a" * 5000,
    "\x1b[2J",
    "\u202e",
    "\udcff",
    "\n",
    "(",
    "*",
    "attention",
)
WORDS += (
    "longformer:24,6",
    "vil:4,4,3",
    "dense:9",
    "bigbird:9,3",
    "star:9",
    "sliding:",
    "dense:0",
    "dense:1,2,3",
)
WORDS += ("dense:" + "9" * 40, "vil:1,1,1", "dilated:40,3,4", "strided_sparse:24,3,4")
COMMANDS = ("run", "run", "run", "run", "list", "list", "reproduce", "runs", "")
LISTED = ("machines", "presets", "workloads", "fields", "memories", "numerics", "salo", "field", "salo-dac22")
OPTIONS = (
    "--pattern",
    "--heads",
    "--head-dim",
    "--global-tokens",
    "--only",
    "--machine",
    "--preset",
    "--config",
)
OPTIONS += ("--batch", "--json", "--timeline", "--functional", "--seed", "--set", "--out")
FLAGS = (
    "--dump-config",
    "--quiet",
    "--explain",
    "--help",
    "-h",
    "--version",
    "--hea",
    "--jsn",
    "-q",
    "--json=-",
)
OTHER = {"--help", "-h", "--version", "--dump-config"}  # what is printed in place of a report


def case(rng: random.Random, judge: Judge) -> None:
    """Run one command line in a folder with a few files to name."""
    (judge.place / "x.json").write_bytes(sealed_small())
    (judge.place / "old.json").write_text(json.dumps({"old": True}))
    (judge.place / "x.csv").write_text("Layer,M,N,K,\na,1,2,3,\n")
    (judge.place / "x.toml").write_text("[array]\nrows = 8\n")
    (judge.place / "folder").mkdir()
    if rng.random() < 0.2:
        judge.command("traces", *traces_words(rng))
    elif rng.random() < 0.1:
        judge.command("rtl.build", rng.choice(("exp_unit", "exp_units", *WORDS[1:])), *rtl_words(rng))
    else:
        answer = judge.command("sim", *(words := sim_words(rng)))
        if (
            answer.code == 0
            and words[0] in ("run", "reproduce")
            and words[-1] == "--json=-"
            and not OTHER & {*words}
        ):
            judge.fault("--json=- wrote what is not JSON", _is_json(answer.out))


def sim_words(rng: random.Random) -> list[str]:
    """Return words for the simulator; about half of them are a run with some options."""
    words = [rng.choice(COMMANDS)] if rng.random() < 0.95 else []
    if words == ["list"]:
        words += [rng.choice((*LISTED, *WORDS)) for _ in range(rng.randint(0, 3))]
    elif rng.random() < 0.8:
        words += rng.choice((["x.json"], ["--pattern", rng.choice(WORDS[-12:])]))
    for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 6))):
        words += option(rng)
    if rng.random() < 0.1:
        words.insert(rng.randrange(len(words) + 1), rng.choice(WORDS))
    return [word for word in words if "\0" not in word]


def option(rng: random.Random) -> list[str]:
    """Return an option, with a value, without, or both in one word."""
    if rng.random() < 0.3:
        return [rng.choice(FLAGS)]
    # --out draws pictures, which takes a while
    name = rng.choice(OPTIONS[: -1 if rng.random() < 0.9 else None])
    value = setting_words.word(rng) if name == "--set" else rng.choice(WORDS)
    return rng.choice(([name, value], [name, value], [f"{name}={value}"], [name]))


def traces_words(rng: random.Random) -> list[str]:
    """Return words for the traces."""
    words = [rng.choice(("convert", "convert", "schema", "x.json", "vil-tiny", *WORDS))]
    for _ in range(rng.choice((0, 1, 2, 3))):
        words += rng.choice(
            (["--out", rng.choice(WORDS)], [rng.choice(WORDS)], ["--out"], [rng.choice(FLAGS)])
        )
    return words


def rtl_words(rng: random.Random) -> list[str]:
    """Return words for the circuits, after the name of a small one: without any, all would be built."""
    words = ["--out", "out"] if rng.random() < 0.8 else []
    for _ in range(rng.choice((0, 1, 1, 2))):
        name = rng.choice(("--preset", "--set", "--out", "--json"))
        words += rng.choice(([name, rng.choice(WORDS)], [name], [rng.choice(WORDS)], [rng.choice(FLAGS)]))
    return words


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True
