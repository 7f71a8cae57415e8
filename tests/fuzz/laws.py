"""What the report of every run obeys, whatever machine and pattern, and what two runs obey together."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.salo.layer.layout import Layer
from tandemsim.sim.salo.layer.simulation import LayerResult, simulate_layer
from tandemsim.traces.pattern import Pattern
from tests.fuzz.valid_patterns import pairs

SCHEMA = Path(__file__).parents[2] / "docs" / "report.schema.json"
PADS = ("query", "key", "value", "global", "output")
Attention = tuple[Pattern, int, int, bool]  # pattern, heads, head_dim, projections apart


def of_report(report: Mapping[str, Any], attentions: list[Attention], batch: int) -> Iterator[str]:
    """Yield the laws that a report breaks."""
    for part in (report, *report["ops"]):
        name = part.get("name", "the run")
        stalls, counted = sum(part["stall_cycles"].values()), part["multiplier_cycles"]
        if part["cycles"] != part["compute_cycles"] + stalls:
            yield f"{name}: {part['cycles']} cycles are not {part['compute_cycles']} + {stalls}"
        if sum(counted.values()) != part["cycles"] * part["multipliers"]:
            found, whole = sum(counted.values()), part["cycles"] * part["multipliers"]
            yield f"{name}: multiplier_cycles are {found}, not {whole}"
        if counted["useful"] != part["macs"]:
            yield f"{name}: useful multiplier_cycles are {counted['useful']}, not {part['macs']} MACs"
        if min((*counted.values(), *part["stall_cycles"].values(), part["compute_cycles"])) < 0:
            yield f"{name}: a count is negative"
    yield from _of_macs(report, attentions, batch)
    yield from _of_bytes(report)


def _of_macs(report: Mapping[str, Any], attentions: list[Attention], batch: int) -> Iterator[str]:
    counted = [2 * heads * size * pairs(pattern) * batch for pattern, heads, size, _ in attentions]
    if [op["macs"] for op in report["ops"]] != counted:
        yield f"MACs are {[op['macs'] for op in report['ops']]}, not {counted}"
    for name in ("cycles", "compute_cycles", "macs", "tiles"):
        parts = [op[name] for op in report["ops"]]
        if name in report and report[name] != sum(parts):
            yield f"{name} of the run are {report[name]}, not the sum of {parts}"


def _of_bytes(report: Mapping[str, Any]) -> Iterator[str]:
    dram, tensors = report["dram"], report["dram_tensors"].values()
    if not 0 < dram["useful_read_bytes"] <= dram["read_bytes"]:
        yield f"of {dram['read_bytes']} bytes read {dram['useful_read_bytes']} are used"
    for way, asked in (("read_bytes", dram["useful_read_bytes"]), ("write_bytes", dram["write_bytes"])):
        parts = sum(tensor[way] for tensor in tensors)
        if parts != asked if way == "read_bytes" else parts > asked:
            yield f"of {asked} bytes of DRAM ({way}) its tensors have {parts}"
        ops = [op[f"dram_{way}"] for op in report["ops"]]
        if sum(ops) != dram[way]:
            yield f"{way} of DRAM are {dram[way]}, and of the ops {sum(ops)}"
        of_ops = sum(tensor[way] for op in report["ops"] for tensor in op["dram_tensors"].values())
        if of_ops != parts:
            yield f"tensors of the ops have {of_ops} {way}, those of the run {parts}"
    output = report["dram_tensors"]["output"]
    if output["write_bytes"] != output["size_bytes"]:
        yield f"the output has {output['size_bytes']} bytes, and {output['write_bytes']} are written"


def of_schema(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the schema of reports has against one."""
    for error in _validator().iter_errors(report):
        yield f"against the schema at {error.json_path}: {error.message[:300]}"


def of_speed(config: SaloConfig, attention: Attention, batch: int) -> Iterator[str]:
    """Yield where more bandwidth, or a larger scratchpad, makes a machine on the ideal memory slower.

    Scratchpads are compared where the same loads are made; one output buffer runs in another order than two.
    """
    plain = _run(config, attention, batch)
    rate = config.dram.bandwidth_bytes_per_second
    assert rate is not None
    twice = replace(config, dram=replace(config.dram, bandwidth_bytes_per_second=min(2 * rate, 10**15)))
    fast = _run(twice, attention, batch)
    if fast.cycles > plain.cycles:
        yield f"twice the bandwidth takes {fast.cycles} cycles in place of {plain.cycles}"
    for pad in PADS if config.staging_tiles > 1 else PADS[:-1]:
        name = f"{pad}_scratchpad"
        own = getattr(config, name)
        wide = replace(config, **{name: replace(own, capacity_bytes=4 * own.capacity_bytes)})
        large = _run(wide, attention, batch)
        if _loads(large) == _loads(plain) and large.cycles > plain.cycles:
            yield f"a {name} four times as large takes {large.cycles} cycles in place of {plain.cycles}"


def _run(config: SaloConfig, attention: Attention, batch: int) -> LayerResult:
    pattern, heads, head_dim, apart = attention
    layer = Layer(heads * batch, head_dim, pattern.seq_len, pattern.global_tokens, q_len=pattern.q_len)
    return simulate_layer(config, pattern, layer, global_projections=apart)


def _loads(found: LayerResult) -> list[Any]:
    return [(r.granule.tolist(), r.first_use.tolist()) for r in found.program.residencies]


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA.read_text()))
