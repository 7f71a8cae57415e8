"""Projections head by head: queries, keys and values of a head of all tokens, then those of the next head.

Attention of a head needs its projections of all tokens and no others, so the attention array works on a head
while the ANT array projects the next. The products that make the inputs of an attention are planned as one:
a block of tokens is loaded once for all of them, and the weights of a head stay while its tokens pass.
"""

from __future__ import annotations

from dataclasses import dataclass

from tandemsim.sim.ant.block_sums import sum_bytes
from tandemsim.sim.ant.layers import Beside, Product
from tandemsim.sim.ant.loop import Engine, Queue
from tandemsim.sim.ant.lowering import Lowering
from tandemsim.sim.ant.mapper import task_cycles
from tandemsim.sim.ant.mapper_costs import RUN_AHEAD
from tandemsim.sim.ant.plan_banks import count_traffic
from tandemsim.sim.ant.plan_riders import load_riders
from tandemsim.sim.ant.planned import Extent
from tandemsim.sim.ant.planner import Planner
from tandemsim.sim.arch.types import Integers

NAMES = ("query", "key", "value", "global_query", "global_key", "global_value")  # of an attention's inputs


@dataclass(frozen=True, slots=True)
class Part:
    """The columns of a product that are one input of an attention."""

    place: int  # of the product
    name: str
    first_column: int
    heads: int  # of a unit: those that share their keys, or one
    head_dim: int
    number: int  # of the parts of that product
    parts: int  # and how many it has

    @property
    def columns(self) -> int:
        """Columns of a unit."""
        return self.heads * self.head_dim


@dataclass(frozen=True, slots=True)
class Projections:
    """Products that are planned together. A unit: a head of keys, and the heads of queries that share it."""

    parts: tuple[Part, ...]
    units: int  # of one item of the batch
    items: int
    tokens: int

    @property
    def places(self) -> tuple[int, ...]:
        """The products, in the order of the trace."""
        return tuple(sorted({part.place for part in self.parts}))

    def writes(self, name: str, unit: Integers, token: Integers, block: int) -> Integers:
        """Return after how many writes of its product tokens of an input of units are there.

        `block`: tokens that are loaded together.
        """
        part = next(part for part in self.parts if part.name == name)
        blocks = -(-self.tokens // block)
        return (unit * blocks + token // block) * part.parts + part.number + 1


def projections(lowering: Lowering, attention: Beside) -> Projections | None:
    """Return the products of an attention's inputs that can run head by head; None if they cannot."""
    op = attention.op
    kv_heads, items = op.dim("kv_heads"), op.dim("batch") * lowering.batch
    shared = op.dim("heads") // kv_heads
    sizes = {name: op.dim("v_dim") if name.endswith("value") else op.dim("head_dim") for name in NAMES}
    found: dict[int, list[tuple[str, int, int]]] = {}
    for name, tensor in zip(NAMES, attention.inputs, strict=False):
        maker = lowering.made_by.get(tensor)
        if name != "global_query":  # a few tokens, which are there before
            if maker is None:
                return None
            heads = shared if name == "query" else 1
            found.setdefault(maker, []).append((name, heads, sizes[name]))
    products = {place: lowering.layers[place] for place in found}
    parts, common = [], set()
    for place, product in products.items():
        if not isinstance(product, Product) or product.image is not None or product.count != 1:
            return None
        columns = sum(heads * size for _, heads, size in found[place]) * kv_heads
        plain = product.is_stored and product.output in attention.inputs and product.n == columns
        if not plain or lowering.uses(product.output) != 1 or product.m % items:
            return None
        if not all(lowering.is_weight(tensor) for tensor in product.operands):
            return None
        common.add((product.activation, product.m, product.k, product.bits))
        first = 0
        for number, (name, heads, size) in enumerate(found[place]):
            parts.append(Part(place, name, first, heads, size, number, len(found[place])))
            first += heads * size * kv_heads
    if len(common) != 1:
        return None
    ((_, m, _, _),) = common
    return Projections(tuple(parts), kv_heads, items, m // items)


def block_of(planner: Planner, group: Projections, output_bits: int) -> int:
    """Return how many tokens are loaded together; 0 where the scratchpads hold too few for a full tile."""
    config, array = planner.config, planner.config.array
    product = _product(planner, group.places[0])
    (activation, weight), widest = product.widths, max(part.columns for part in group.parts)
    weights = -(-product.k * widest * weight // 8)
    most = min(
        group.tokens,
        config.accumulator_scratchpad.capacity_bytes // (sum_bytes(array, product.bits) * array.cols),
        config.output_scratchpad.capacity_bytes * 8 // (2 * widest * output_bits),
    )
    if planner.kept(product.activation, activation) is None:
        room = min(planner.rooms[place] for place in group.places)
        most = min(most, room * 8 // (RUN_AHEAD * product.k * activation))
    few = most < min(group.tokens, array.rows) or 2 * weights > config.weight_scratchpad.capacity_bytes
    if few or config.outliers.share:
        return 0
    return -(-group.tokens // -(-group.tokens // most))


def _product(planner: Planner, place: int) -> Product:
    product = planner.lowering.layers[place]
    assert isinstance(product, Product)
    return product


def plan_projections(planner: Planner, group: Projections, block: int, bases: dict[str, int]) -> None:
    """Plan the products of a group, `block` tokens at a time.

    An input of the attention lies at its base, [heads, tokens, size].
    """
    for unit in range(group.items * group.units):
        for token in range(0, group.tokens, block):
            rows = min(block, group.tokens - token)
            for part in group.parts:
                _plan_part(planner, group, part, bases[part.name], unit, token, rows)


def _plan_part(
    planner: Planner, group: Projections, part: Part, base: int, unit: int, token: int, rows: int
) -> None:
    product = _product(planner, part.place)
    planner.begin(part.place)
    plan, bits, (left, above) = planner.plans[part.place], product.bits, product.widths
    item, of_item = divmod(unit, group.units)
    row = item * group.tokens + token
    column = part.first_column + of_item * part.columns
    work = task_cycles(planner.config, rows, part.columns, product.k, bits.operands, bits.fold)
    extent = Extent(0, row, rows, column, part.columns, 0, product.k, ends=True)
    task = planner.array_task(part.place, work, extent)
    plan.macs += rows * part.columns * product.k
    tile = rows, part.columns, product.k
    count_traffic(planner.config.array, plan, bits, tile, rows * product.k, product.widths)
    done = (row + rows) / product.m
    kept = planner.kept(product.activation, left)
    if kept is not None:
        planner.await_kept(kept, task, done)
    else:
        size = -(-rows * product.k * left // 8)
        start = planner.at(product.activation, left) + row * product.k * left // 8
        key = group.places[0], "A", row
        planner.load(Queue.ACTIVATION, key, product.activation, task, (start, 1, size, size), done)
    size = -(-part.columns * product.k * above // 8)
    start = planner.at(product.weight, above) + column * product.k * above // 8
    weight = part.place, "W", part.number, of_item
    planner.load(Queue.WEIGHT, weight, product.weight, task, (start, 1, size, size), 1.0)
    load_riders(planner, part.place, product, task, row, rows, column, part.columns, product.m, product.n)
    width = planner.written_bits(product.output)[0]
    token_bytes = part.head_dim * width // 8
    of_head = group.tokens * token_bytes
    address = base + unit * part.heads * of_head + token * token_bytes
    run = (address, part.heads, rows * token_bytes, of_head)
    planner.room(Queue.OUTPUT, Engine.ARRAY, part.heads * rows * token_bytes, task)
    done = (unit + 1) / (group.items * group.units) if token + rows == group.tokens else 0.0
    done = done if part.number == part.parts - 1 else 0.0
    planner.write(Queue.OUTPUT, part.place, task, [run], product.output, done)
