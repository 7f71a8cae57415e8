"""Traces of wrong content with a digest that fits, as a faulty exporter would write them."""

from __future__ import annotations

import copy
import hashlib
import json
import random
from collections.abc import Iterator
from functools import cache
from typing import Any

from tandemsim.traces.codec import dumps, find, load
from tandemsim.traces.kinds import macs
from tandemsim.traces.pattern import Pattern
from tests.fuzz.judge import Judge
from tests.traces.written_out import TooManyTurnsError, written_out

VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    -1,
    0,
    1,
    2,
    3,
    7,
    2**24,
    2**31 - 1,
    2**31,
    2**63,
    10**30,
    0.5,
    1e300,
)
VALUES += (
    "",
    "x",
    "gemm",
    "window_attention",
    "\x1b[2J\n",
    "\u202e",
    [],
    {},
    [0],
    [[-1, 1, 1]],
    [[-9, 9], [-9, 9]],
)
SHARE_RUN = 0.1  # of what is read
WINDOWS = 2  # ops of the trace that is damaged are few, so that each is met


FREE_ID = 100_000  # of tensors and ops that are added

TURNS = 3  # of an attention that repeats

SMALL = ("--set", "rows=8", "--set", "cols=8", "--quiet")


def case(rng: random.Random, judge: Judge) -> None:
    """Summarize a document of wrong content, and run what is read."""
    document = copy.deepcopy(rng.choice((small, repeated))())
    for _ in range(rng.randint(1, 3)):
        mutate(rng, document)
    (judge.place / "x.json").write_bytes(sealed(document))
    if judge.command("traces", "x.json").code == 0 and rng.random() < SHARE_RUN:
        judge.command("sim", "run", "x.json", "--json", "report.json", *SMALL)


def sealed_small() -> bytes:
    """Return the document before it is damaged."""
    return sealed(small())


@cache
def small() -> dict[str, Any]:
    """Return a document of two attentions: do not change it."""
    whole = json.loads(dumps(load(find("vil-tiny"))))
    windows = [op for op in whole["ops"] if op["kind"] == "window_attention"][:WINDOWS]
    needed = {tensor for op in windows for tensor in (*op["inputs"], *op["outputs"])}
    tensors = [{**t, "role": "input"} for t in whole["tensors"] if t["id"] in needed]
    for tensor in tensors:
        tensor.pop("alias_of", None)
        if any(tensor["id"] in op["outputs"] for op in windows):
            tensor["role"] = "output"
    ops = [*windows, *_grown(windows[0], tensors)]
    return {**whole, "ops": ops, "tensors": tensors}


def _grown(op: dict[str, Any], tensors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return attentions of the same tensors whose patterns have every field, and append their outputs."""
    (output,) = (tensor for tensor in tensors if tensor["id"] == op["outputs"][0])
    n = output["shape"][2]
    made = []
    for number, pattern in enumerate(
        (
            Pattern(seq_len=n, bands=((-64, 0, 2),), sink_tokens=(0, 1), chunks=(512, 1, 0, 3), causal=True),
            Pattern(seq_len=n, bands=((-6, 6, 3),), clamped=True, global_tokens=(7,)),
            Pattern.block_sparse(n, 1024, 1024, [[0], [1, 0], [2], [3, 0]]),
        )
    ):
        tensors.append({**output, "id": FREE_ID + number})
        dims = {name: op["dims"][name] for name in ("batch", "heads", "head_dim")} | pattern.dims()
        attrs = pattern.attrs() | {"scale": 0.25, "operands": []}
        stated = {"dims": dims, "attrs": attrs, "macs": macs(op["kind"], dims, attrs)}
        ids = {"id": FREE_ID + number, "inputs": op["inputs"][:3], "outputs": [FREE_ID + number]}
        made.append({**op, **ids, **stated})
    return made


@cache
def repeated() -> dict[str, Any]:
    """Return a document of one attention, several times, stored once: do not change it."""
    op = small()["ops"][0]
    used = sorted({*op["inputs"], *op["outputs"]})
    by_id = {tensor["id"]: tensor for tensor in small()["tensors"]}
    ids = {tensor: [number, len(used)] for number, tensor in enumerate(used)}
    tensors = [{**by_id[tensor], "id": ids[tensor], "name": "layer.{0+1}"} for tensor in used]
    moved = {part: [ids[tensor] for tensor in op[part]] for part in ("inputs", "outputs")}
    ops = [{**op, **moved, "id": [0, 1], "name": "layer.{0+1}"}]
    return {**small(), "tensors": [["repeat", TURNS, tensors]], "ops": [["repeat", TURNS, ops]]}


def mutate(rng: random.Random, document: dict[str, Any]) -> None:
    """Change, delete, copy or rename one value of a document."""
    node, key = rng.choice([place for place in places(document) if place[1] != "digest"])
    how = rng.choice(("value", "value", "nudge", "delete", "copy", "rename"))
    if how == "delete":
        del node[key]
    elif how == "nudge" and isinstance(node[key], int):
        node[key] += rng.choice((-1000, -1, 1, 1000))
    elif how == "copy":
        other, place = rng.choice(list(places(document)))
        node[key] = copy.deepcopy(other[place])
    elif how == "rename" and isinstance(node, dict):
        node[rng.choice(("seq_len", "grid", "batch", "bands", "x", "\x1b"))] = node.pop(key)
    else:
        node[key] = copy.deepcopy(rng.choice(VALUES))


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (container, key) of every value within a document."""
    inside = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    for key, item in inside:
        yield value, key
        if isinstance(item, (dict, list)):
            yield from places(item)


def sealed(document: dict[str, Any]) -> bytes:
    """Return the JSON of a document with the digest of its content, each turn of a repeat written out."""
    try:
        whole = written_out(document)
    except (TypeError, LookupError, AttributeError, TooManyTurnsError):  # it is refused before the digest
        whole = document
    body = {key: value for key, value in whole.items() if key != "digest"}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return json.dumps({**document, "digest": hashlib.sha256(text.encode()).hexdigest()}).encode()
