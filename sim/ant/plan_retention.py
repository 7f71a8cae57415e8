"""Plans what stays on the chip: who reads each result, and what layers cost beside it."""

from __future__ import annotations

from functools import partial

from tandemsim.sim.ant.layers import Attention, Beside, Passes, Product, Width
from tandemsim.sim.ant.lowering import STORED
from tandemsim.sim.ant.plan_attention import query_block
from tandemsim.sim.ant.plan_product import product_shape
from tandemsim.sim.ant.planner import Planner
from tandemsim.sim.ant.retention import Cost, Kept, State, candidates, kept_results
from tandemsim.sim.arch.ant.widths import NIBBLE


def keep_results(planner: Planner) -> None:
    """Decide what stays in the activation scratchpad, before any layer is planned."""
    choices = _choices(planner)
    capacity = planner.config.activation_scratchpad.capacity_bytes
    layers = len(planner.plans)

    planner.keeping, planner.rooms = kept_results(choices, layers, capacity, partial(_cost, planner))


def _choices(planner: Planner) -> list[Kept]:
    lowering = planner.lowering
    streams: dict[tuple[int, Width], list[int]] = {}  # layers that stream it to the array
    others: set[tuple[int, Width]] = set()  # what is read from DRAM, whatever stays
    for place, plan in enumerate(planner.plans):
        layer = plan.layer
        if isinstance(layer, Product):
            streams.setdefault((layer.activation, layer.widths[0]), []).append(place)
            others.add((layer.weight, layer.widths[1]))
        elif isinstance(layer, Attention):
            streams.setdefault((layer.inputs[0], layer.bits.activation), []).append(place)
            others |= {(tensor, layer.bits.activation) for tensor in layer.inputs[1:]}
        elif isinstance(layer, Beside):
            others |= {(tensor, layer.bits) for tensor in layer.inputs}
        elif isinstance(layer, Passes):
            others |= {(tensor, planner.read_bits(tensor)) for tensor in layer.inputs}
        others |= {(tensor, planner.read_bits(tensor)) for tensor in getattr(layer, "operands", ())}
    choices = []
    for (tensor, bits), readers in streams.items():
        first = lowering.made_by.get(tensor)
        if first is None or min(readers) <= first:
            continue
        maker = planner.plans[first].layer
        if not isinstance(maker, Product | Attention | Passes) or maker.output != tensor:
            continue
        size = -(-lowering.elements(tensor) * bits // 8)
        if bits <= NIBBLE:
            size += planner.config.outliers.size_bytes(lowering.elements(tensor))
        is_needed = (tensor, bits) in others or lowering.is_read_elsewhere(tensor)
        choices += candidates(tensor, bits, size, first, readers, is_needed)
    return choices


def _cost(planner: Planner, state: State) -> Cost:
    """Return what a layer moves and takes. Raises `ConfigError` where it does not fit."""
    place, room, is_there, spared = state
    layer = planner.plans[place].layer
    made: list[Width] = planner.formats.get(layer.output, [STORED])
    written_bits: Width = sum(width for width in made if width not in spared)
    if isinstance(layer, Product):
        mapping = planner.search(product_shape(planner, layer, written_bits)).best(room, is_there)
        return Cost(mapping.bytes, mapping.cycles)
    written = planner.lowering.elements(layer.output) * written_bits // 8
    if isinstance(layer, Attention):
        _, cycles = query_block(planner, layer, 0, layer.queries, room, is_there, written_bits)
        queries = layer.heads * layer.queries * layer.head_dim * layer.bits.activation // 8
        return Cost(written + (0 if is_there else queries), cycles * layer.heads)
    return Cost(written, 0)
