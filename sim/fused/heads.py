"""Projections head by head: queries, keys and values of a head of all tokens, then those of the next head.

Attention of a head needs its projections of all tokens and no others, so the attention array works on a head
while the ANT array projects the next. The products that make the inputs of an attention are planned as one:
a block of tokens is loaded once for all of them, and the weights of a head stay while its tokens pass.
"""

from __future__ import annotations

from dataclasses import dataclass

from tandemsim.sim.ant.loop import Engine, Queue
from tandemsim.sim.ant.lowering import Beside, Lowering, Product
from tandemsim.sim.ant.mapper import RUN_AHEAD, task_cycles
from tandemsim.sim.ant.plan_product import count_scratchpads
from tandemsim.sim.ant.planner import Planner
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.types import Integers

NAMES = ("query", "key", "value", "global_query", "global_key", "global_value")  # of an attention's inputs
SUM_BYTES = 4


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
    block: int  # tokens that are loaded together

    @property
    def blocks(self) -> int:
        """Blocks of tokens."""
        return -(-self.tokens // self.block)

    def writes(self, name: str, unit: Integers, token: Integers) -> Integers:
        """Return after how many writes of its product tokens of an input of units are there."""
        part = next(part for part in self.parts if part.name == name)
        return (unit * self.blocks + token // self.block) * part.parts + part.number + 1


def projections(config: AntConfig, lowering: Lowering, attention: Beside) -> Projections | None:
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
    ((_, m, k, bits),) = common
    block = _block(config, m // items, k, bits.activation, bits.weight, attention.bits, parts)
    return Projections(tuple(parts), kv_heads, items, m // items, block) if block else None


def _block(
    config: AntConfig, tokens: int, k: int, bits: int, weight_bits: int, output_bits: int, parts: list[Part]
) -> int:
    """Return how many tokens are loaded together; 0 where the scratchpads hold too few for a full tile."""
    array, widest = config.array, max(part.columns for part in parts)
    weights = -(-k * widest * weight_bits // 8)
    most = min(
        tokens,
        config.activation_scratchpad.capacity_bytes * 8 // (RUN_AHEAD * k * bits),
        config.accumulator_scratchpad.capacity_bytes // (SUM_BYTES * array.cols),
        config.output_scratchpad.capacity_bytes * 8 // (2 * widest * output_bits),
    )
    if most < min(tokens, array.rows) or 2 * weights > config.weight_scratchpad.capacity_bytes:
        return 0
    return -(-tokens // -(-tokens // most))


def plan_projections(planner: Planner, group: Projections, bases: dict[str, int]) -> None:
    """Plan the products of a group; an input of the attention lies at its base, [heads, tokens, size]."""
    for unit in range(group.items * group.units):
        for token in range(0, group.tokens, group.block):
            rows = min(group.block, group.tokens - token)
            for part in group.parts:
                _plan_part(planner, group, part, bases[part.name], unit, token, rows)


def _plan_part(
    planner: Planner, group: Projections, part: Part, base: int, unit: int, token: int, rows: int
) -> None:
    product = planner.lowering.layers[part.place]
    assert isinstance(product, Product)
    planner.begin(part.place)
    plan, bits = planner.plans[part.place], product.bits
    item, of_item = divmod(unit, group.units)
    row = item * group.tokens + token
    widths = bits.activation, bits.weight
    task = planner.array_task(part.place, task_cycles(planner.config, rows, part.columns, product.k, widths))
    plan.macs += rows * part.columns * product.k
    count_scratchpads(planner, plan, product, rows, part.columns, product.k)
    size = -(-rows * product.k * bits.activation // 8)
    start = planner.at(product.activation, bits.activation) + row * product.k * bits.activation // 8
    planner.load(
        Queue.ACTIVATION, (group.parts[0].place, "A", row), product.activation, task,
        (start, 1, size, size), (row + rows) / product.m,
    )  # fmt: skip
    column = part.first_column + of_item * part.columns
    size = -(-part.columns * product.k * bits.weight // 8)
    start = planner.at(product.weight, bits.weight) + column * product.k * bits.weight // 8
    key = part.place, "W", part.number, of_item
    planner.load(Queue.WEIGHT, key, product.weight, task, (start, 1, size, size), 1.0)
    planner.riders(part.place, product, task, row, rows, column, part.columns, product.m, product.n)
    width = planner.written_bits(product.output)[0]
    token_bytes = part.head_dim * width // 8
    of_head = group.tokens * token_bytes
    address = base + unit * part.heads * of_head + token * token_bytes
    run = (address, part.heads, rows * token_bytes, of_head)
    planner.room(Queue.OUTPUT, Engine.ARRAY, part.heads * rows * token_bytes, task)
    done = (unit + 1) / (group.items * group.units) if token + rows == group.tokens else 0.0
    done = done if part.number == part.parts - 1 else 0.0
    before = plan.covered[-1] if plan.covered else 0.0
    planner.write(Queue.OUTPUT, part.place, task, [run], product.output, max(done, before))
