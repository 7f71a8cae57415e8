"""``--pattern`` and ``--only``: one attention without a file, and some ops of a trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tandemsim.sim.pattern_trace import FORMS, pattern_trace
from tandemsim.traces import codec
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.schema import Trace

SMALL = {
    "longformer": (Pattern.longformer(64, 16, (0,)), "longformer:64,16"),
    "sliding": (Pattern.sliding(64, 8), "sliding:64,8"),
    "dilated": (Pattern.dilated(64, 8, 3), "dilated:64,8,3"),
    "vil": (Pattern.vil(8, 9, 5, 1), "vil:8,9,5"),
    "strided_sparse": (Pattern.strided_sparse(64, 4, 8), "strided_sparse:64,4,8"),
    "bigbird": (Pattern.bigbird(64, 16, 1), "bigbird:64,16"),
    "dense": (Pattern.dense(24), "dense:24"),
    "causal": (Pattern.causal_window(64, 12), "causal:64,12"),
    "chunked": (Pattern.chunked(64, 24), "chunked:64,24"),
    "neighborhood": (Pattern.neighborhood(8, 9, 5), "neighborhood:8,9,5"),
}


@pytest.mark.parametrize("kind", FORMS)
def test_a_pattern_of_a_few_words_is_that_of_its_constructor(command: Any, place: Path, kind: str) -> None:
    pattern, text = SMALL[kind]
    trace = pattern_trace(text, heads=3, head_dim=16)
    assert Pattern.from_op(trace.ops[0]) == pattern
    codec.save(trace, place / "t.json")  # checks it, as any file
    found = command("run", "--pattern", text, "--heads", 3, "--head-dim", 16, "--json", "-").json
    assert found["workload"] == text
    assert [op["macs"] for op in found["ops"]] == [2 * 3 * 16 * pattern.pairs()]
    assert found["cycles"] == command("run", "t.json", "--json", "-").json["cycles"]


@pytest.mark.parametrize(
    "name, text",
    [("longformer", "longformer:4096,512"), ("vil-tiny", "vil:56,56,15"), ("vil-tiny", "vil:28,28,15")],
)
def test_a_pattern_is_the_op_of_the_checked_in_model(command: Any, name: str, text: str) -> None:
    pattern = Pattern.from_op(pattern_trace(text).ops[0])
    ops = [op for op in codec.load(codec.find(name)).ops if op.kind == "window_attention"]
    op = next(op for op in ops if Pattern.from_op(op) == pattern)
    sizes = ("--heads", op.dim("heads"), "--head-dim", op.dim("head_dim"))
    found = command("run", "--pattern", text, *sizes, "--json", "-").json
    whole = command("run", name, "--only", f"^{op.name}$", "--json", "-").json
    assert found["cycles"] == whole["cycles"] and found["dram"] == whole["dram"]


def test_global_tokens_and_the_other_options_go_with_a_pattern(command: Any, place: Path) -> None:
    words = ("run", "--pattern", "sliding:64,8", "--global-tokens", 2, "--batch", 2, "--functional")
    found = command(*words, "--set", "array.global_rows=2", "--json", "-").json
    pairs = Pattern(seq_len=64, bands=Pattern.sliding(64, 8).bands, global_tokens=(0, 1)).pairs()
    assert found["macs"] == 2 * 2 * 64 * pairs and found["functional"]


@pytest.mark.parametrize(
    "text, options, pattern",
    [
        ("causal:64,12", {"sink_tokens": 3}, Pattern.causal_window(64, 12, 3)),
        ("causal:64,12", {"queries": 1}, Pattern.causal_window(64, 12, q_len=1, q_offset=63)),
        (
            "causal:64,12",
            {"queries": 16, "sink_tokens": 2},
            Pattern.causal_window(64, 12, 2, q_len=16, q_offset=48),
        ),
        ("sliding:64,9", {"sink_tokens": 1}, Pattern(seq_len=64, bands=((-4, 4, 1),), sink_tokens=(0,))),
        (
            "sliding:64,9",
            {"queries": 9, "global_tokens": 1},
            Pattern(seq_len=64, bands=((-4, 4, 1),), global_tokens=(0,), q_len=9, q_offset=55),
        ),
    ],
)
def test_sinks_and_the_last_queries_go_with_a_pattern(
    command: Any, text: str, options: dict[str, int], pattern: Pattern
) -> None:
    op = pattern_trace(text, heads=6, head_dim=16, kv_heads=2, **options).ops[0]
    assert Pattern.from_op(op) == pattern and op.dim("kv_heads") == 2
    assert op.macs == 2 * 6 * 16 * int(pattern.mask(range(pattern.q_len)).sum())
    words = [word for name, number in options.items() for word in (f"--{name.replace('_', '-')}", number)]
    sizes = ("--heads", 6, "--head-dim", 16, "--kv-heads", 2)
    found = command("run", "--pattern", text, *sizes, *words, "--json", "-").json
    assert [done["macs"] for done in found["ops"]] == [op.macs]


def test_heads_that_are_all_their_own_make_the_same_trace() -> None:
    assert pattern_trace("causal:64,12", heads=4, kv_heads=4) == pattern_trace("causal:64,12", heads=4)


@pytest.mark.parametrize(
    "arguments, says",
    [
        (("--pattern", "longformr:64,8"), "unknown pattern 'longformr'; did you mean 'longformer'?"),
        (("--pattern", ""), "unknown pattern ''; known: "),
        (("--pattern", "sliding:64"), "pattern must be sliding:TOKENS,WINDOW, not 'sliding:64'"),
        (("--pattern", "sliding:64,x"), "pattern must be sliding:TOKENS,WINDOW, not 'sliding:64,x'"),
        (("--pattern", "sliding:64,\uff18"), "pattern must be sliding:TOKENS,WINDOW, not "),
        (("--pattern", "sliding:64,0"), "window must be a positive integer"),
        (("--pattern", "sliding:0,8"), ""),
        (("--pattern", "vil:8,9,5", "--heads", 0), "heads must be a positive integer up to "),
        (("--pattern", "vil:8,9,5", "--head-dim", 10**30), "head_dim must be a positive integer up to "),
        (("--pattern", "dense:8", "--global-tokens", -1), "global_tokens must be 0 to 8, not -1"),
        # Before a list of them is made: this one would take 40 GiB.
        (
            ("--pattern", f"vil:3,{2**31},3", "--global-tokens", 10**9),
            "global_tokens must be 0 to 1048576, not",
        ),
        (("--pattern", "dense:8", "--global-tokens", 10**12), "global_tokens must be 0 to 8, not 1000"),
        (("--pattern", "dense:8", "--sink-tokens", 9), "sink_tokens must be 0 to 8, not 9"),
        (("--pattern", "dense:8", "--queries", 0), "queries must be 1 to 8, not 0"),
        (("--pattern", "dense:8", "--queries", 9), "queries must be 1 to 8, not 9"),
        (("--pattern", "vil:8,9,5", "--sink-tokens", 1), "sink_tokens must be left out on a grid"),
        (("--pattern", "dense:8", "--heads", 6, "--kv-heads", 4), "kv_heads must divide the 6 heads, not 4"),
        (
            ("--pattern", "longformer:64,8", "--queries", 9),
            "global tokens are projected apart in a pattern of ",
        ),
        (("--pattern", "dense:8", "--kv-heads", -1), "kv_heads must be a positive integer up to "),
        (("--pattern", "neighborhood:8,9,10", "--heads", 2), "bands must hold at most 8 rows, "),
        (("small.json", "--queries", 2), "--queries goes with --pattern"),
        (("--pattern", "dense:8", "small.json"), "only one of --pattern and a workload may be given, "),
        (("small.json", "--heads", 2), "--heads goes with --pattern"),
        ((), "a workload is missing: a name, a file or --pattern"),
        (
            ("small.json", "--only", "nothing"),
            "--only (only= in Python) must match an op that the machine runs, such as 'layer.0",
        ),
        (
            ("small.json", "--only", "embed"),
            "--only (only= in Python) must match an op that the machine runs, such as 'layer.0",
        ),
        (("small.json", "--only", "("), "--only (only= in Python) must be a regular expression (missing ), "),
    ],
)
def test_words_that_mean_no_op_are_refused(refused: Any, arguments: tuple[Any, ...], says: str) -> None:
    message = refused("run", *arguments)
    assert message.startswith(f"tandem: {says}") and len(message) <= 301


def test_only_runs_what_matches_and_says_what_it_left_out(command: Any, place: Path, small: Trace) -> None:
    whole = command("run", "small.json", "--json", "-").json
    found = command("run", "small.json", "--only", r"layer\.1", "--batch", 2, "--json", "-").json
    assert [op["name"] for op in found["ops"]] == ["layer.1.attention"]
    assert found["ops"][0]["macs"] == 2 * whole["ops"][1]["macs"]
    others = [op for op in small.ops if op.name != "layer.1.attention"]
    assert [(op["name"], op["macs"]) for op in found["not_run"]] == [(op.name, 2 * op.macs) for op in others]
    for op in found["not_run"]:
        assert (op["reason"] == "left out by --only") == (not op["name"].startswith("layer.1")), op
    assert found["macs"] + found["macs_not_run"] == 2 * small.macs
    assert found["trace_digest"] == whole["trace_digest"]


def test_only_that_matches_everything_changes_nothing(command: Any, place: Path) -> None:
    assert (
        command("run", "small.json", "--only", "", "--json", "-").out
        == command("run", "small.json", "--json", "-").out
    )
