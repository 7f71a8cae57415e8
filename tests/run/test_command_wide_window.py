"""A window wider than the text, as Longformer's is on a short one: a run like any other, and a note."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tandemsim.traces import codec
from tandemsim.traces.kinds import macs
from tandemsim.traces.pattern import Band, Pattern
from tandemsim.traces.schema import Op, Source, Tensor
from tandemsim.traces.validate import seal

NOTE = "reaches beyond the text"


def save(path: Path, pattern: Pattern) -> None:
    shape = (1, 2, pattern.seq_len, 16)
    roles = ("input", "input", "input", "output")
    tensors = [Tensor(id=i, shape=shape, dtype="float16", role=role) for i, role in enumerate(roles)]
    dims: dict[str, Any] = {"heads": 2, "head_dim": 16, "seq_len": pattern.seq_len}
    dims |= {"grid": pattern.grid} if pattern.grid else {}
    attrs = pattern.attrs()
    stated: dict[str, Any] = {"dims": dims, "attrs": attrs, "macs": macs("window_attention", dims, attrs)}
    op = Op(id=0, kind="window_attention", name="window", inputs=(0, 1, 2), outputs=(3,), **stated)
    source = Source(model="short", configuration={}, exporter="tests", exporter_version="1")
    codec.save(seal(source=source, tensors=tensors, ops=[op]), path)


PATTERNS = {
    "a short text": (
        Pattern(seq_len=40, bands=(Band(-64, 64, 1),), global_tokens=(0,)),
        Pattern(seq_len=40, bands=(Band(-39, 39, 1),), global_tokens=(0,)),
    ),
    "a small image": (Pattern.vil(3, 4, 15), Pattern.vil(3, 4, 7)),
    "a far band": (
        Pattern(seq_len=40, bands=(Band(-2, 2, 1), Band(30, 30000, 3))),
        Pattern(seq_len=40, bands=(Band(-2, 2, 1), Band(30, 39, 3))),
    ),
}


@pytest.mark.parametrize("case", PATTERNS)
def test_a_window_beyond_the_text_runs_as_if_it_were_cut_off(command: Any, place: Path, case: str) -> None:
    wide, cut = PATTERNS[case]
    assert wide.overhang > 0
    save(place / "wide.json", wide)
    save(place / "cut.json", cut)
    found = [command("run", f"{name}.json", "--functional", "--json", "-").json for name in ("wide", "cut")]
    assert [sum(NOTE in note for note in report["notes"]) for report in found] == [1, int(cut.overhang > 0)]
    for same in ("cycles", "stall_cycles", "energy_pj", "dram", "functional"):
        assert found[0][same] == found[1][same]
    assert found[0]["ops"][0]["macs"] == 2 * 2 * 16 * len(pairs(cut))


def pairs(pattern: Pattern) -> set[tuple[int, int]]:
    """The pairs of the mask, which holds only keys that exist."""
    return {(int(q), int(k)) for q, k in zip(*pattern.mask(range(pattern.seq_len)).nonzero(), strict=True)}
