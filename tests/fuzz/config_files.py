"""``--config``: TOML that is nested, huge, of wrong types, marked, packed, damaged; and reports alike."""

from __future__ import annotations

import gzip
import json
import random
from functools import cache

from tandemsim.sim.arch.families import family_named
from tandemsim.sim.shell.settings_files import as_toml
from tests.fuzz.judge import Judge
from tests.fuzz.setting_words import SMALL, word
from tests.fuzz.trace_bytes import damaged

VALUES = (
    "1",
    "-1",
    "16",
    "1e999",
    "nan",
    "1979-05-27",
    "07:32:00",
    "[1, 2]",
    "[]",
    "{}",
    "{ rows = 4 }",
    "true",
)
VALUES += (
    '"16"',
    '"auto"',
    '"\\u0000"',
    "'''x'''",
    "0x10",
    "1_6",
    "9" * 30,
    "9" * 5000,
    '"' + "a" * 5000 + '"',
)
KEYS = (
    "rows",
    "array.rows",
    "array",
    "memory",
    "numerics",
    '"array.rows"',
    '""',
    '"\\u001b[2J"',
    "a.b.c",
    "config",
)
KEYS += ("machine", "preset", "settings", "settings.rows", "config.array.rows", "dram.channels", "clock_hz")


def case(rng: random.Random, judge: Judge) -> None:
    """Run, or dump the config of, a small attention with a file of settings."""
    kind = rng.choice((written, written, dumped, tower, report))
    name, text = kind(rng)
    data = text.encode("utf-8", "surrogatepass")
    if rng.random() < 0.3:
        data = damaged(rng, data)
    if rng.random() < 0.1:
        data = rng.choice((b"\xef\xbb\xbf" + data, gzip.compress(data, mtime=0), rng.randbytes(50), b""))
    if rng.random() < 0.05:
        data = data.decode("latin-1").encode(rng.choice(("utf-16", "utf-32")))
    (judge.place / name).write_bytes(data)
    more = ["--dump-config"] if rng.random() < 0.6 else []
    more += ["--set", word(rng)] if rng.random() < 0.1 else []
    judge.command("sim", "run", *SMALL, "--config", name, *more)


def written(rng: random.Random) -> tuple[str, str]:
    """A few lines and tables."""
    lines = []
    for _ in range(rng.randint(0, 6)):
        if rng.random() < 0.3:
            lines.append(rng.choice(("[{}]", "[{}]", "[[{}]]")).format(rng.choice(KEYS)))
        else:
            lines.append(f"{rng.choice(KEYS)} = {rng.choice(VALUES)}")
    return "x.toml", rng.choice(("\n", "\r\n")).join(lines)


def dumped(rng: random.Random) -> tuple[str, str]:
    """What --dump-config writes, with a line of it put elsewhere, left out or given another value."""
    lines = _dump().split("\n")
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(lines))
        key, equals, _ = lines[at].partition(" = ")
        how = rng.randrange(3)
        if how == 0 and equals:
            lines[at] = f"{key} = {rng.choice(VALUES)}"
        elif how == 1:
            lines.insert(rng.randrange(len(lines)), lines[at])
        else:
            del lines[at]
    return "x.toml", "\n".join(lines)


def tower(rng: random.Random) -> tuple[str, str]:
    """Tables in tables in tables, and lists alike."""
    depth = rng.choice((5, 16, 17, 300, 3000))
    kinds = (("[" * depth, "]" * depth), ("{a=" * depth, "}" * depth), (".".join("a" * depth), ""))
    opening, closing = rng.choice(kinds)
    if not closing:
        return "x.toml", rng.choice((f"[{opening}]\nx = 1", f"{opening} = 1"))
    return "x.toml", f"{rng.choice(KEYS)} = {opening}1{closing}"


def report(rng: random.Random) -> tuple[str, str]:
    """A report, or what looks like one, as JSON."""
    config = json.loads(json.dumps(_config()))
    found = {"machine": "salo", "preset": "salo", "settings": {}, "config": config}
    node, key = found, rng.choice([*found])
    while isinstance(node[key], dict) and node[key] and rng.random() < 0.8:
        node = node[key]
        key = rng.choice([*node])
    node[key] = rng.choice((None, True, -1, 3, 2**64, 1.5, float("nan"), "x", [], [1], {}, {"x": 1}, "auto"))
    text = json.dumps(found)
    if rng.random() < 0.1:
        text = "[" * rng.choice((3, 100_000)) + text
    return "x.json", text


@cache
def _config() -> dict[str, object]:
    from tandemsim.sim.arch.checks import to_dict

    return to_dict(family_named("salo").config("salo", {}))


@cache
def _dump() -> str:
    return as_toml("salo", "salo", {}, family_named("salo").config("salo", {}))
