"""SALO on the attentions of language models: what runs, on which config, and how it is accounted for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.salo.presets import SALO
from tandemsim.sim.report.contract import Report
from tandemsim.sim.report.glossary import word
from tandemsim.sim.run import Request, simulate
from tandemsim.traces.kinds import macs
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.schema import Op, Source, Tensor, Trace
from tandemsim.traces.validate import seal
from tests.traces.pattern_forms import patterns

WINDOW, FULL = "window_attention", "attention"
BANDWIDTH = "dram.bandwidth_bytes_per_second"
EXTRAS = {"sinks": lambda heads, q, k: (heads,), "bias": lambda heads, q, k: (1, heads, q, k)}
EXTRAS["mask"] = EXTRAS["bias"]


def attention(
    of: Pattern | int,
    heads: int = 4,
    kv_heads: int = 2,
    head_dim: int = 16,
    v_dim: int = 16,
    **attrs: Any,
) -> tuple[str, dict[str, Any], dict[str, Any], list[tuple[int, ...]]]:
    """Return kind, dims, attrs and shapes of an attention over a pattern, or over so many tokens."""
    dims: dict[str, Any] = {"heads": heads, "kv_heads": kv_heads, "head_dim": head_dim, "v_dim": v_dim}
    if isinstance(of, Pattern):
        kind, queries, keys = WINDOW, of.q_len, of.seq_len
        dims, attrs = dims | of.dims(), attrs | of.attrs()
    else:
        kind, queries, keys = FULL, attrs.pop("q_len", of), of
        dims |= {"q_len": queries, "kv_len": keys}
    shapes = [(1, heads, queries, head_dim), (1, kv_heads, keys, head_dim), (1, kv_heads, keys, v_dim)]
    shapes += [EXTRAS[name](heads, queries, keys) for name in attrs.get("operands", ())]
    return kind, dims, attrs, [*shapes, (1, heads, queries, v_dim)]


def trace_of(*layers: tuple[str, dict[str, Any], dict[str, Any], list[tuple[int, ...]]]) -> Trace:
    tensors: list[Tensor] = []
    ops = []
    for index, (kind, dims, attrs, shapes) in enumerate(layers):
        ids = range(len(tensors), len(tensors) + len(shapes))
        roles = ["input"] * (len(shapes) - 1) + ["output"]
        tensors += [
            Tensor(id=i, shape=shape, dtype="float16", role=role)  # type: ignore[arg-type]
            for i, shape, role in zip(ids, shapes, roles, strict=True)
        ]
        stated: Mapping[str, Any] = {"dims": dims, "attrs": attrs, "macs": macs(kind, dims, attrs)}
        ops.append(
            Op(
                id=index,
                kind=kind,
                name=f"layer.{index}",
                inputs=tuple(ids[:-1]),
                outputs=(ids[-1],),
                **stated,
            )
        )
    return seal(
        source=Source(model="m", configuration={}, exporter="tests", exporter_version="1"),
        tensors=tensors,
        ops=ops,
    )


def report(*layers: Any, **more: Any) -> Report:
    return simulate(Request(workload="m", trace=trace_of(*layers), machine="salo", **more)).report


CAUSAL = Pattern.causal_window(96, 24)


def test_causal_attention_runs_as_the_window_of_all_keys() -> None:
    whole, window = report(attention(96, causal=True)), report(attention(Pattern.causal_window(96, 96)))
    assert whole.cycles == window.cycles and whole.dram == window.dram
    pairs = 96 * 97 // 2
    assert whole.macs == window.macs == 4 * 32 * pairs
    assert whole.macs_share == 1.0 and whole.macs_not_run == 0
    stated = 4 * 32 * 96 * 96
    assert trace_of(attention(96, causal=True)).macs == stated
    assert any("Causal attention counts the pairs that it lets in" in note for note in whole.notes)


@pytest.mark.parametrize(
    ("layer", "preset", "why"),
    [
        (attention(96), "salo", "full attention is left to machines without masks"),
        (attention(96, operands=["mask"]), "salo", "no port for a mask"),
        (attention(96, causal=True, operands=["mask"]), "salo", "no port for a mask"),
        (attention(96, causal=True, operands=["bias"]), "salo", "no port for a bias"),
        (attention(CAUSAL, operands=["bias"]), "salo", "no port for a bias"),
        (attention(CAUSAL, softcap=50.0), "salo", "no unit for the tanh"),
        (attention(96, causal=True, q_len=8), "salo", "does not say at which tokens"),
        (attention(CAUSAL, operands=["sinks"]), "salo-dac22", "only where array.sinks=true"),
        (attention(CAUSAL, v_dim=8), "salo-dac22", "only where array.value_dims=true"),
    ],
)
def test_what_salo_does_not_run_is_said_with_its_reason(layer: Any, preset: str, why: str) -> None:
    found = report(attention(CAUSAL), layer, preset=preset)
    assert [op.name for op in found.ops] == ["layer.0"]
    (left,) = found.not_run
    assert left.name == "layer.1" and why in left.reason
    assert found.macs + left.macs == trace_of(attention(CAUSAL), layer).macs
    with pytest.raises(ConfigError, match=f"^salo runs none of the trace's 1 attention ops: .*{why}"):
        report(layer, preset=preset)


def test_one_query_of_all_keys_stands_at_the_last_of_them() -> None:
    step = report(attention(96, q_len=1))
    window = report(attention(Pattern.causal_window(96, 96, q_len=1, q_offset=95)))
    assert step.cycles == window.cycles and step.dram == window.dram
    assert step.macs == 4 * 32 * 96 and not step.not_run
    assert not any("Causal" in note for note in step.notes)


def test_learned_sinks_cost_no_cycle() -> None:
    plain, sinks = report(attention(CAUSAL)), report(attention(CAUSAL, operands=["sinks"]))
    assert plain.cycles == sinks.cycles and not sinks.not_run


def test_the_array_takes_the_longest_head_of_the_trace_unless_it_is_set() -> None:
    long = attention(CAUSAL, head_dim=256, v_dim=200)
    for layers, wanted in (((long, attention(CAUSAL)), 256), ((attention(CAUSAL),), 64)):
        found = report(*layers)
        assert found.config["array"]["head_dim"] == wanted
        assert found.config["query_scratchpad"]["capacity_bytes"] == 8 * 32 * wanted
    assert report(long, settings={"array.head_dim": "256"}).cycles == report(long).cycles
    assert report(long, settings={"array.head_dim": "auto"}).cycles == report(long).cycles
    with pytest.raises(ConfigError, match=r"at most array.head_dim elements \(64\), not 256"):
        report(long, settings={"array.head_dim": "64"})
    with pytest.raises(ConfigError, match=r"at most array.head_dim elements \(64\), not 257"):
        report(attention(CAUSAL, head_dim=257))


def test_scratchpads_hold_the_window_of_heads_that_share_it() -> None:
    wide = Pattern.causal_window(6000, 4000)
    for kv_heads, holds in ((1, 4031 * 64), (2, 0)):
        found = report(attention(wide, heads=2, kv_heads=kv_heads, head_dim=64, v_dim=64), batch=1)
        capacity = found.config["key_scratchpad"]["capacity_bytes"]
        assert max(holds, 65536) <= capacity <= holds + 12 * 32 * 64 + 65536
        assert found.config["value_scratchpad"]["capacity_bytes"] == capacity
        times = found.dram_tensors["key"].read_bytes / found.dram_tensors["key"].size_bytes
        assert times == 1.0 if kv_heads == 1 else times > 10
    settings = {"key_scratchpad.capacity_bytes": str(SALO.key_scratchpad.capacity_bytes)}
    found = report(attention(wide, heads=2, kv_heads=1, head_dim=64, v_dim=64), settings=settings)
    assert found.config["key_scratchpad"]["capacity_bytes"] == 65536
    assert found.config["value_scratchpad"]["capacity_bytes"] > 65536


def test_a_report_states_what_a_language_model_changes() -> None:
    prefill = Pattern.causal_window(96, 24, sinks=2, q_len=32, q_offset=64)
    (op,) = report(attention(prefill, v_dim=8)).ops
    stated = {"kv_heads": 2, "v_dim": 8, "q_len": 32, "q_offset": 64, "causal": True, "sink_tokens": 2}
    assert stated.items() <= op.extra.items()
    assert all(word("ops", name).meaning for name in stated)
    (plain,) = report(attention(CAUSAL, kv_heads=4)).ops
    assert not set(stated) & set(plain.extra)


@pytest.mark.parametrize(
    "layer", [attention(96, causal=True), attention(CAUSAL, operands=["sinks"], scale=0.3)]
)
def test_values_run_through_the_array_too(layer: Any) -> None:
    (found,) = report(layer, functional=True).extra["functional"]
    # Published widths, and heads of 16, whose queries have few bits; more in tests/salo/test_functional_*.
    assert found["mean_abs_error"] < 0.02 < 0.1 < found["mean_abs_reference"] and found["heads"] == 4


def test_a_timeline_shows_heads_that_take_turns() -> None:
    """Blocks of the heads of a group follow one another; where slices are joined, whole groups are."""
    trace = trace_of(attention(Pattern.causal_window(160, 40), heads=6, kv_heads=2))
    done = simulate(Request(workload="m", trace=trace, machine="salo"))
    timeline = done.timeline
    tiles = timeline.track == timeline.tracks.index("array")
    heads, blocks = (timeline.arguments[name][tiles].tolist() for name in ("head", "block"))
    assert len(heads) == done.report.ops[0].tiles and set(heads) == set(range(6))
    seen = list(dict.fromkeys(zip(heads, blocks, strict=True)))
    assert seen[:6] == [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)] and seen[-1] == (5, 4)
    activity = done.activity
    assert activity is not None and len(activity.heads) == 2


KINDS_OF_PATTERN = {
    "window": CAUSAL,
    "sinks of tokens": Pattern.causal_window(96, 24, sinks=3),
    "a step of generation": Pattern.causal_window(96, 24, q_len=1, q_offset=95),
    "a chunk of a prefill": Pattern.causal_window(96, 24, q_len=32, q_offset=64),
    "chunks": Pattern.chunked(96, 32),
    "clamped": Pattern(seq_len=96, bands=((-4, 4, 1),), clamped=True),
    "clamped, dilated": Pattern(seq_len=96, bands=((-6, 6, 3),), clamped=True),
    "neighborhood": Pattern.neighborhood(8, 12, 5),
    "blocks": Pattern.block_sparse(96, 16, 16, [sorted({0, n, n * 5 % 6}) for n in range(6)]),
    "prefix": Pattern(seq_len=96, bands=((-95, 0, 1),), sink_tokens=tuple(range(10))),
}


@pytest.mark.parametrize("name", KINDS_OF_PATTERN)
def test_every_kind_of_pattern_runs_and_each_pair_counts_once(name: str) -> None:
    pattern = KINDS_OF_PATTERN[name]
    found = report(attention(pattern))
    assert found.not_run == ()
    assert found.macs == 4 * (16 + 16) * int(pattern.mask(range(pattern.q_len)).sum())


@settings(max_examples=60)
@given(
    pattern=patterns,
    kv_heads=st.integers(1, 3),
    group=st.sampled_from((1, 2, 5)),
    head_dim=st.sampled_from((1, 16, 65)),
    v_dim=st.sampled_from((1, 16, 40)),
    sinks=st.booleans(),
    rows=st.sampled_from((1, 3, 8, 32)),
    cols=st.sampled_from((2, 4, 32)),
)
def test_every_pair_counts_once_whatever_heads_share_and_more_bandwidth_is_never_slower(
    pattern: Pattern, kv_heads: int, group: int, head_dim: int, v_dim: int, sinks: bool, rows: int, cols: int
) -> None:
    layer = attention(
        pattern, kv_heads * group, kv_heads, head_dim, v_dim, **({"operands": ["sinks"]} if sinks else {})
    )
    array = {"rows": rows, "cols": cols, "memory": "ideal"}
    speeds = (10**8, 10**10, 10**13)
    found = [report(layer, settings={**array, BANDWIDTH: speed}) for speed in speeds]
    pairs = int(pattern.mask(range(pattern.q_len)).sum())
    for one in found:
        assert one.not_run == ()
        assert one.macs == kv_heads * group * (head_dim + v_dim) * pairs
        assert one.cycles == one.compute_cycles + sum(one.stall_cycles.values())
    cycles = [one.cycles for one in found]
    assert cycles == sorted(cycles, reverse=True)
    assert report(layer, settings={**array, BANDWIDTH: speeds[0]}).as_json() == found[0].as_json()
