"""The checked-in traces as a whole: their table in docs/workloads.md, and what they take."""

import re
from pathlib import Path

from tandemsim.traces.codec import find, load, names

PAGE = Path(__file__).parents[2] / "docs" / "workloads.md"
MB = 10**6


def test_the_table_of_the_page_has_every_trace_with_its_size():
    rows = re.findall(r"^\| `([\w-]+)` \| [^|]+ \| ([\d,]+) \| ([\d,.]+) \|$", PAGE.read_text(), re.MULTILINE)
    traces = {name: load(find(name)) for name in names()}
    assert {name: (ops, gmacs) for name, ops, gmacs in rows} == {
        name: (f"{len(trace.ops):,}", f"{trace.macs / 1e9:,.1f}") for name, trace in traces.items()
    }


def test_all_together_take_less_than_10_mb():
    assert sum(find(name).stat().st_size for name in names()) < 10 * MB


def test_large_ones_store_their_layers_once():
    for name in ("mistral-7b-8k", "llama3-8b-2k", "llama3-8b-decode", "gpt-oss-20b-8k", "gemma3-4b-8k"):
        trace, lines = load(find(name)), find(name).read_bytes().count(b"\n")
        assert lines < (len(trace.ops) + len(trace.tensors)) / 3
