"""The accounts of a report: cycles of the multipliers, bytes by tensor, energy by action. They must add up.

Each splits a total that the report states anyway. A machine may leave an account out (an empty mapping); one
that is there is exact, or the report is refused with an `InvariantError`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

from tandemsim.sim.report.parts import Energy, TensorTraffic
from tandemsim.sim.report.rules import Amount, Count, Rule, check, check_counts

# What becomes of a multiplier's cycles, in the order in which reports show it; stalls by cause come last.
MULTIPLIER_CYCLES = (
    *("useful", "masked", "idle_columns", "idle_rows", "last_block", "idle_global"),
    *("exponential_sum", "flush", "drain"),
)
STALL = "stall_"
ENERGY_TOLERANCE = 1e-9  # relative; sums of doubles in another order

MultiplierCycles = Annotated[
    Mapping[str, Count], "cycles x multipliers, by what became of them; empty when it is not known"
]
DramTensors = Annotated[
    Mapping[str, TensorTraffic], "what was asked of the DRAM, by tensor; empty: not known"
]
Actions = Annotated[
    Mapping[str, Amount], "energy_pj by action, each named PART.ACTION; empty when it is not known"
]
_SETTING = {
    "type": "object",
    "properties": {
        "set": {"type": "string", "description": "as --set takes it"},
        "cycles": {"type": "integer", "minimum": 0, "description": "cycles of the op with it"},
        "gain": {"type": "number", "description": "share of the op's cycles that it saves"},
    },
    "required": ["set", "cycles", "gain"],
}
_FIELDS = {
    "op": {"type": "string", "description": "the op's name in the trace, or: the whole run"},
    "bound": {"type": "string", "description": "what bounds it, as a sentence"},
    "settings": {"type": "array", "items": _SETTING, "description": "what would help most, tried out"},
}
Explanation = Annotated[Mapping[str, Any], Rule("properties", _FIELDS), Rule("required", list(_FIELDS))]


def check_multiplier_cycles(
    where: str, account: Mapping[str, int], cycles: int, multipliers: int, macs: int
) -> None:
    """Every multiplier does one thing in every cycle, and the useful cycles are the MACs."""
    if not account:
        return
    check_counts(where, account)
    whole, parts = cycles * multipliers, sum(account.values())
    check(parts == whole, f"{where}: {whole} cycles of multipliers, but its account has {parts}")
    useful = account.get("useful", 0)
    check(useful == macs, f"{where}: {macs} MACs, but {useful} useful cycles of multipliers")


def check_tensors(
    where: str, tensors: Mapping[str, TensorTraffic], read_bytes: int, write_bytes: int
) -> None:
    """The bursts carry at least the bytes that the tensors asked for."""
    read, written = (
        sum(getattr(t, kind) for t in tensors.values()) for kind in ("read_bytes", "write_bytes")
    )
    check(read <= read_bytes, f"{where}: tensors of {read} bytes read, of {read_bytes} in bursts")
    check(written <= write_bytes, f"{where}: tensors of {written} bytes written, of {write_bytes} in bursts")


def check_actions(actions: Mapping[str, float], energy: Energy) -> None:
    """The actions of each part are all that was spent there."""
    if not actions:
        return
    sums = dict.fromkeys(energy.parts, 0.0)
    for name, picojoules in actions.items():
        part = name.partition(".")[0]
        check(part in sums, f"energy: {name} belongs to none of {list(sums)}")
        check(0 <= picojoules < math.inf, f"energy: {name} is {picojoules} pJ")
        sums[part] += picojoules
    for part, spent in energy.parts.items():
        near = math.isclose(sums[part], spent, rel_tol=ENERGY_TOLERANCE)
        check(near, f"energy: {spent} pJ in {part}, but its actions have {sums[part]}")


def check_explanation(entries: tuple[Mapping[str, Any], ...]) -> None:
    """Each entry has the fields that the schema promises."""
    for entry in entries:
        missing = [name for name in _FIELDS if name not in entry]
        missing += [
            name
            for setting in entry.get("settings", ())
            for name in _SETTING["required"]
            if name not in setting
        ]
        check(not missing, f"explanation: an entry without {missing}")
