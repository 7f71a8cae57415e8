"""Operand widths of a run: what ``--bits`` names.

4 and 8 are those of every product with weights; ``ant`` is the artifact's list for the network. Attention has
no weights, and always 8 bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tandemsim.sim.ant.lowering import ATTENTIONS, PRODUCTS, Bits
from tandemsim.sim.arch.ant.bit_lists import ANT_LISTS
from tandemsim.sim.arch.checks import ConfigError, nearest
from tandemsim.traces.schema import Op, Trace

DEFAULT = "4"
NAMES = ("4", "8", "ant")


def widths(trace: Trace, ops: Sequence[Op], name: str | None) -> Mapping[int, Bits]:
    """Return the widths of every product and attention by op id. Raises `ConfigError` for a name."""
    name = DEFAULT if name is None else name
    if name not in NAMES:
        raise ConfigError(nearest("list of bits", name, NAMES))
    products = [op.id for op in trace.ops if op.kind in PRODUCTS]
    bits = dict.fromkeys(products, 4 if name == "ant" else int(name))
    if name == "ant":
        bits |= dict.fromkeys(_listed(trace, products), 8)
    both = {op.id: Bits(bits[op.id], bits[op.id]) for op in ops if op.kind in PRODUCTS}
    return both | {op.id: Bits(8, 8) for op in ops if op.kind in ATTENTIONS}


def _listed(trace: Trace, products: Sequence[int]) -> list[int]:
    """Return the products that the artifact's list gives 8 bits."""
    model = trace.source.model
    if model not in ANT_LISTS:
        raise ConfigError(f"--bits ant must be with {', '.join(ANT_LISTS)}, not with {model!r}")
    count, eights = ANT_LISTS[model]
    if len(products) != count:
        raise ConfigError(
            f"--bits ant must be with the {count} products of {model}, not with {len(products)}"
        )
    return [products[place] for place in eights]
