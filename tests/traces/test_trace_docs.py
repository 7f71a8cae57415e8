"""docs/traces.md: every command in it works and prints what is shown; its numbers and messages are real."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tandemsim.traces import (
    arrays,
    bands,
    codec,
    disjoint,
    json_text,
    limits,
    npz,
    pattern_rules,
    scalesim,
    window_bands,
)
from tandemsim.traces.codec import loads
from tandemsim.traces.errors import TraceError
from tandemsim.traces.kind_table import kind_table
from tandemsim.traces.pattern import Pattern

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "traces.md").read_text()
VIL = json.loads((ROOT / "traces" / "data" / "vil-tiny.json").read_text())


def blocks():
    """Every indented block, as its lines."""
    found = re.findall(r"(?:^ {4}.*\n(?:\n(?= {4}))?)+", TEXT, re.MULTILINE)
    return [[line[4:] for line in block.splitlines()] for block in found]


def steps():
    """Files to write, ``("# mine.py", lines)``, and commands with their output, in the page's order."""
    found = []
    for line in (line for block in blocks() for line in block):
        if line.startswith(("$ ", "# ")):
            found.append((line, []))
        else:
            found[-1][1].append(line)
    return found


def test_commands_print_what_the_page_shows(tmp_path):
    for name in ("sim", "traces", "tandemsim"):
        (tmp_path / name).symlink_to(ROOT / name)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "COLUMNS": "100", "PYTHONDONTWRITEBYTECODE": "1"}
    commands = 0
    for line, shown in steps():
        if line.startswith("# "):
            (tmp_path / line[2:]).write_text("\n".join(shown) + "\n")
            continue
        run = ["bash", "-c", f"{line[2:]} 2>&1" if "2>" not in line else line[2:]]
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
        said = "\n".join(shown).strip("\n")
        assert done.stdout.strip("\n") == said, f"{line}\n{done.stdout}{done.stderr}"
        assert done.returncode == (2 if said.startswith("traces: ") else 0), line
        commands += 1
    assert commands >= 20


def rows(heading):
    """The cells of the tables of a section."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


@pytest.mark.parametrize("made, bands, tokens, also, pairs", rows("Window attention"))
def test_patterns_are_those_of_the_page(made, bands, tokens, also, pairs):
    name, arguments = re.match(r"`(\w+)\((.*?)\)`", made).groups()
    pattern = getattr(Pattern, name)(*ast.literal_eval(f"[{arguments}]"))
    stated = {"bands": json.loads(bands.strip("`")), "global_tokens": json.loads(tokens.strip("`"))}
    stated |= json.loads(also.strip("`") or "{}")
    made = json.loads(json.dumps(pattern.dims() | pattern.attrs()))
    assert made == stated | {"seq_len": pattern.seq_len}
    assert pattern.pairs() == int(pattern.mask(range(pattern.q_len)).sum()) == int(pairs.replace(",", ""))


def test_table_of_the_page_is_made_of_the_kinds():
    assert f"\n{kind_table()}\n" in TEXT, "run: python -m traces kinds"


ROW = {"heads": 1, "head_dim": 48, "seq_len": 3137}  # window attention without a grid, of the same tensors
BAND = {"bands": [[0, 0, 1]], "global_tokens": []}
CLAMPED = {"bands": [[-30, 30], [0, 0]], "global_tokens": [0], "border": "clamped"}

DAMAGE = {
    "dims.heads must be int": ("dims", "heads", "1"),
    "dim is not a field": ("dim", None, {}),
    "kind 'window_atention'": ("kind", None, "window_atention"),
    "dims.heads must be a positive": ("dims", "heads", 0),
    "macs must be": ("macs", None, 59609185),
    "attrs.bands must reach": ("attrs", "bands", [[56, 70], [-7, 7]]),
    "attrs.global_tokens must hold": ("attrs", "global_tokens", []),
    "attrs.causal must be left out": ("attrs", "causal", True),
    "attrs.border must be": ("attrs", "border", "mirrored"),
    "attrs.bands must hold at most": ("stated", None, CLAMPED),
    "attrs.bands must let": ("stated", ROW, BAND | {"bands": [[1, 9, 1]], "causal": True}),
    "attrs.q_offset must be": ("stated", ROW, BAND | {"q_offset": 0.5}),
    "attrs.chunks must be": ("stated", ROW, BAND | {"chunks": [4, 0]}),
    "attrs.sink_tokens must be": ("stated", ROW, BAND | {"sink_tokens": [3137]}),
    "attrs.blocks.rows[1] must": (
        "stated",
        ROW,
        BAND | {"bands": [], "blocks": {"query": 1600, "key": 1600, "rows": [[0], [2]]}},
    ),
    "dims.kv_heads must divide": ("dims", "kv_heads", 2),
    "attrs.softcap must be": ("attrs", "softcap", 0),
    "attrs.operands must be": ("attrs", "operands", ["mask"]),
    "inputs must be 4": ("attrs", "operands", ["sinks"]),
    "inputs[1] (tensor 187)": ("shape", 187, [1, 1, 3136, 48]),
    "turns must be": ("repeat", 1, None),
    "inputs[0] must not wait": ("inputs", 0, 189),
    "alias_of must lead": ("alias_of", 177, 177),
}


@pytest.mark.parametrize("begin", DAMAGE)
def test_messages_are_those_of_the_page(begin, resealed):
    messages = [cells[1].strip("`").replace("\\|", "|") for cells in rows("Checks")]
    assert len(messages) == len(DAMAGE)
    (message,) = [text for text in messages if text.partition(": ")[2].startswith(begin)]
    document = json.loads(json.dumps(VIL))
    op = next(op for op in document["ops"] if op["id"] == 7)
    op["name"] = "layer.0"
    where, key, value = DAMAGE[begin]
    if where in ("shape", "alias_of"):
        next(tensor for tensor in document["tensors"] if tensor["id"] == key)[where] = value
    elif where == "repeat":
        document["ops"].insert(3, ["repeat", key, [op]])
    elif where == "stated":
        op["dims"], op["attrs"] = key or op["dims"], value
    elif key is None:
        op[where] = value
    else:
        op[where][key] = value
    with pytest.raises(TraceError) as found:
        loads(resealed(document), file="x.json")
    assert str(found.value) == f"x.json: {message}"


def test_limits_are_those_of_the_page():
    stated = " ".join(cells[1] for cells in rows("Limits")).replace(",", "")
    numbers = [int(number) for number in re.findall(r"\d+", stated)]
    read = (limits.MAX_BYTES // limits.MIB, limits.MAX_MEMBERS, limits.MAX_MARKS, json_text.MAX_DEPTH)
    tables = (limits.MAX_TABLE_BYTES // limits.MIB, scalesim.MAX_LAYERS)
    stored = (arrays.MAX_ARRAY_BYTES // limits.MIB, npz.MAX_READ // limits.MIB)
    assert numbers == [*read, *tables, *stored]
    powers = {"¹⁴": 14, "²⁰": 20, "²⁶": 26, "²⁷": 27, "²⁴": 24}
    window = TEXT.partition("Bands may overlap. ")[2].partition("\n\n")[0]
    found = [powers[power] for power in re.findall(r"2([⁰¹²⁴⁶⁷]+)", window)]
    read = (pattern_rules.MAX_SEQ_LEN, bands.MAX_OFFSETS, pattern_rules.MAX_BLOCKS, disjoint.MAX_PIECES)
    split = (disjoint.MAX_LOOKS, window_bands.FEW, window_bands.MAX_MEETINGS)
    assert [2**power for power in found] == [*read, *split]
    assert f"{bands.MAX_BANDS} bands" in window
    assert f"more than {codec.PLAIN_BYTES // 1024} KiB is written" in TEXT
    assert f"{limits.MAX_BYTES // limits.MIB} MiB and the {limits.MAX_MARKS:,} marks that" in TEXT
