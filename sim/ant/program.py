"""The program of a run: tasks of the array and of the vector unit, and the transfers that feed them.

Layers follow one another in the order of the trace, and each operand has a queue of its own: the weights of
the next layer are loaded while the present one computes, as far ahead as the scratchpad lets them. What a
layer reads of another it reads once that part of it has been written. `sim.ant.loop` computes when.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np

from tandemsim.sim.ant.layers import Attention, Layer, Passes, Product
from tandemsim.sim.ant.loop import NONE, Tasks, Transfers, Writes
from tandemsim.sim.ant.lowering import Lowering
from tandemsim.sim.ant.plan_attention import check_attention, plan_attention
from tandemsim.sim.ant.plan_passes import plan_passes
from tandemsim.sim.ant.plan_product import check_product, plan_product
from tandemsim.sim.ant.plan_retention import keep_results
from tandemsim.sim.ant.planned import (
    AFTER,
    AFTER_ENGINE,
    AWAITED,
    BASE,
    CYCLES,
    FILL,
    GAP,
    IN_TURN,
    LAG,
    OWNER,
    TASK_LAYER,
    TENSOR,
    WAKES,
    WOKEN,
    WOKEN_ENGINE,
    Program,
)
from tandemsim.sim.ant.planner import Planner
from tandemsim.sim.ant.too_small import check_all
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.types import Progress


def program(config: AntConfig, lowering: Lowering, report: Progress) -> Program:
    """Plan every layer. `ConfigError` names the op that does not fit."""
    planner = Planner(config, lowering)
    keep_results(planner)
    check_all(checks(planner, range(len(lowering.layers)), check_layer))
    for place, layer in enumerate(lowering.layers):
        planner.begin(place)
        try:
            plan_layer(planner, place, layer)
        except ConfigError as error:
            raise ConfigError(f"op {layer.op.name!r}: {error}") from None
        planner.end(place)
        report("planning", place + 1, len(lowering.layers))
    planner.check_dram()
    return assembled(planner)


def checks(
    planner: Planner, places: Iterable[int], check: Callable[[Planner, Layer], object]
) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield for each layer the name of its op and a check of it, to be made at once."""
    for place in places:
        planner.begin(place)
        layer = planner.plans[place].layer
        yield layer.op.name, partial(check, planner, layer)


def check_layer(planner: Planner, layer: Layer) -> None:
    """Raise `TooSmallError` where no tile of the present layer fits; planning all before it may take long."""
    if isinstance(layer, Product):
        check_product(planner, layer)
    elif isinstance(layer, Attention):
        check_attention(planner, layer)


def plan_layer(planner: Planner, place: int, layer: Layer) -> None:
    """Plan a layer of the array or of the vector unit."""
    if isinstance(layer, Product):
        plan_product(planner, place, layer)
    elif isinstance(layer, Attention):
        plan_attention(planner, place, layer)
    else:
        assert isinstance(layer, Passes)
        plan_passes(planner, place, layer)


def assembled(planner: Planner) -> Program:
    """Return what was planned, as the arrays of the event loop."""
    first = np.concatenate([[0], np.cumsum([len(engine) for engine in planner.tasks])]).astype(np.int64)
    rows = np.concatenate([engine.arrays() for engine in planner.tasks])
    wakes = rows[:, WAKES].copy()
    in_array = np.arange(len(rows)) < first[1]
    crossing = in_array & (wakes <= -2)
    wakes[crossing] = first[1] - 2 - wakes[crossing]
    cycles, gap, fill, lag, awaited = (rows[:, c].copy() for c in (CYCLES, GAP, FILL, LAG, AWAITED))
    tasks = Tasks(cycles, gap, fill, lag, awaited, wakes)
    queues = np.concatenate([[0], np.cumsum([len(queue) for queue in planner.transfers])]).astype(np.int64)
    moved = np.concatenate([queue.arrays() for queue in planner.transfers])
    for column, engine in ((AFTER, AFTER_ENGINE), (WOKEN, WOKEN_ENGINE)):
        known = moved[:, column] != NONE
        moved[known, column] += first[moved[known, engine]]
    transfers = Transfers(*(np.ascontiguousarray(moved[:, c]) for c in range(BASE, IN_TURN + 1)))
    return Program(
        tasks=tasks,
        first=first,
        extents=planner.extents,
        transfers=transfers,
        queues=queues,
        writes=_writes(transfers, 2 * len(planner.plans)),
        layers=planner.plans,
        task_layer=rows[:, TASK_LAYER].copy(),
        transfer_layer=moved[:, OWNER].copy(),
        transfer_tensor=moved[:, TENSOR].copy(),
        placed_bytes=planner.next_byte,
        keeping=planner.keeping,
    )


def _writes(transfers: Transfers, layers: int) -> Writes:
    """Return the writes of each layer; all of one layer are in one queue, in the order of their issue."""
    index = np.flatnonzero(transfers.is_write)
    index = index[np.argsort(transfers.layer[index], kind="stable")]
    first = np.searchsorted(transfers.layer[index], np.arange(layers + 1))
    return Writes(index, first.astype(np.int64))
