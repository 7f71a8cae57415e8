"""The formats that networks are measured in: weights and activations of every layer."""

from __future__ import annotations

from typing import NamedTuple

from tandemsim.sim.arch.blocks import BLOCK_FORMATS
from tandemsim.sim.arch.codes import FORMATS
from tandemsim.sim.quantize.candidates import CANDIDATES
from tandemsim.sim.quantize.escalation import Chosen, parse
from tandemsim.sim.quantize.rule import Rule

STORE = "float16"  # of a channel's scale


class Plan(NamedTuple):
    """One row of the table."""

    rule: Rule
    escalate: Chosen | None = None


def plans(bits: int) -> dict[str, Plan]:
    """Return the formats that are compared; blocks have elements of four bits."""
    found = {"int8": Plan(Rule(form=FORMATS["int8"], store=STORE))}
    for kind in ("int", "pot", "flint"):
        found[f"{kind}{bits}"] = Plan(Rule(form=FORMATS[f"{kind}{bits}"], store=STORE))
    if bits == 4:
        found["e2m1"] = Plan(Rule(form=FORMATS["e2m1"], store=STORE))
    for name in ("IP-F", "FIP-F"):
        found[name] = Plan(Rule(kinds=CANDIDATES[name], bits=bits, store=STORE))
    found["IP-F, per tensor"] = Plan(Rule(kinds=CANDIDATES["IP-F"], bits=bits, per="tensor", store=STORE))
    found["IP-F, 1 layer of 8 bits"] = Plan(found["IP-F"].rule, parse("1"))
    if bits == 4:
        found |= {name: Plan(Rule(form=BLOCK_FORMATS[name])) for name in ("mxfp4", "nvfp4")}
    return found
