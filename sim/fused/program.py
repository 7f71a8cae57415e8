"""The program of a run of both arrays: every layer on its engine, in one order that all lists agree with.

Layers keep the order of the trace, but for the projections of an attention: they stand right before it, and
run head by head. `sim.ant.loop` computes when.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from tandemsim.sim.ant.layers import Beside, Conversion, Layer, Product
from tandemsim.sim.ant.loop import NONE
from tandemsim.sim.ant.lowering import Lowering
from tandemsim.sim.ant.plan_retention import keep_results
from tandemsim.sim.ant.planned import Program
from tandemsim.sim.ant.planner import Planner
from tandemsim.sim.ant.program import assembled, check_layer, checks, plan_layer
from tandemsim.sim.ant.too_small import check_all
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.fused.config import FusedConfig
from tandemsim.sim.arch.types import Integers, Progress
from tandemsim.sim.fused.conversion import check_conversion, plan_conversion, token_blocks
from tandemsim.sim.fused.heads import NAMES, Projections, block_of, plan_projections, projections
from tandemsim.sim.fused.windows import Windows, add_windows, windows_of
from tandemsim.sim.salo.layer.layout import NAMES as TENSORS
from tandemsim.sim.salo.machine import Case, case_of


def program(config: FusedConfig, lowering: Lowering, report: Progress) -> tuple[Program, dict[int, Windows]]:
    """Plan every layer; return the windows by the place of their layer, too.

    `ConfigError` names the op that does not fit.
    """
    return _Planner(config, lowering).program(report)


class _Planner:
    """The planner of the ANT machine, and what attention beside it needs."""

    def __init__(self, config: FusedConfig, lowering: Lowering) -> None:
        self.config, self.lowering = config.salo_config, lowering
        groups = _grouped(lowering)
        self.planner = Planner(config.ant_config, lowering)
        self.windows: dict[int, Windows] = {}
        self._known: dict[Case, Windows] = {}
        self._moved: Integers | None = None  # transfers of the attention before
        self._groups = groups  # by the place of the attention
        self._in_groups = {part.place for group in groups.values() for part in group.parts}
        for place, layer in enumerate(lowering.layers):
            if isinstance(layer, Conversion):
                self._order_tokens(place, layer)
        keep_results(self.planner)

    def program(self, report: Progress) -> tuple[Program, dict[int, Windows]]:
        # without those whose tiles the heads of their attention decide
        places = [place for place in range(len(self.lowering.layers)) if place not in self._in_groups]
        with keys_of("ant."):
            check_all(checks(self.planner, places, _check))
        for place, layer in enumerate(self.lowering.layers):
            if place in self._in_groups:
                continue
            with _said_of(layer.op.name, "ant."):
                self._plan(place)
            report("planning", place + 1, len(self.lowering.layers))
        self.planner.check_dram()
        return assembled(self.planner), self.windows

    def _plan(self, place: int) -> None:
        layer = self.lowering.layers[place]
        if isinstance(layer, Beside):
            self._attention(place, layer)
            return
        self.planner.begin(place)
        if isinstance(layer, Conversion):
            plan_conversion(self.planner, place, layer, self.windows[layer.source].finished)
        else:
            plan_layer(self.planner, place, layer)
        self.planner.end(place)

    def _order_tokens(self, place: int, layer: Conversion) -> None:
        """Let the one product that reads an attention's results follow the order in which they are done."""
        pattern = layer.op.pattern
        late = () if pattern is None else [token - pattern.q_offset for token in pattern.global_tokens]
        layer.token_blocks = ((0, layer.tokens),)
        last = place + 1 == len(self.lowering.layers)
        following = None if last or place + 1 in self._in_groups else self.lowering.layers[place + 1]
        if not isinstance(following, Product) or following.activation != layer.output:
            return
        alone = self.lowering.uses(layer.output) == 1
        if alone and following.count == 1 and following.m == layer.items * layer.tokens:
            layer.token_blocks = blocks = token_blocks(layer.tokens, late)
            starts = range(0, following.m, layer.tokens)
            following.row_blocks = tuple((at + low, at + high) for at in starts for low, high in blocks)

    def _attention(self, place: int, layer: Beside) -> None:
        case = case_of(layer.op, self.lowering.batch)
        if case not in self._known:
            with keys_of("salo."):
                self._known[case] = windows_of(self.config, case)
        windows = self.windows[place] = self._known[case]
        roots = dict(zip(NAMES, layer.inputs, strict=False)) | {"output": layer.output}
        bases = self._bases(layer, windows, roots)
        group = self._groups.get(place)
        block = self._project(group, layer, bases) if group else 0
        self.planner.begin(place)
        self.planner.plans[place].covered = [1.0] * int(windows.program.transfers.is_write.sum())
        waits = self._waits(windows, roots, group if block else None, block)
        heads = layer.op.dim("heads")
        self._moved = add_windows(self.planner, place, windows, bases, roots, waits, heads, self._moved)
        self.planner.end(place)

    def _project(self, group: Projections, attention: Beside, bases: dict[str, int]) -> int:
        """Plan the projections of an attention; return the tokens of a block, 0 if not head by head."""
        self.planner.begin(group.places[0])
        block = block_of(self.planner, group, attention.bits)
        if block:
            plan_projections(self.planner, group, block, bases)
        for place in group.places:
            self.planner.begin(place)
            if not block:
                plan_layer(self.planner, place, self.lowering.layers[place])
            self.planner.end(place)
        return block

    def _bases(self, layer: Beside, windows: Windows, roots: dict[str, int]) -> dict[str, int]:
        """Place the tensors of an attention: [heads, tokens, size] each, two of one product back to back."""
        bases: dict[str, int] = {}
        ends: dict[int, int] = {}
        # Projections of global tokens that the array is fed without (`shared`) are still made.
        unread = {name: windows.sizes[name.removeprefix("global_")] for name in roots}
        for name, size in (unread | windows.sizes).items():
            root = roots.get(name)
            if root is None:
                bases[name] = self.planner.allocate(size)
                continue
            bits = layer.output_bits if name == "output" else layer.bits
            bases[name] = ends.get(root, self.planner.at(root, bits))
            ends[root] = bases[name] + size
        return bases

    def _waits(
        self, windows: Windows, roots: dict[str, int], group: Projections | None, block: int
    ) -> tuple[Integers, Integers]:
        """Return for each transfer which layer writes what it reads, and how many of its writes it awaits."""
        moved = windows.program.transfers
        source = np.full(len(moved.base), NONE, np.int64)
        written = np.zeros(len(moved.base), np.int64)
        in_group = {part.name: part for part in group.parts} if group else {}
        for name, root in roots.items():
            maker = self.lowering.made_by.get(root)
            if name == "output" or maker is None:
                continue
            reads = (windows.tensor == TENSORS.index(name)) & (moved.is_write == 0)
            source[reads] = maker
            written[reads] = len(self.planner.plans[maker].covered)
            if group and name in in_group:
                units = windows.head[reads] // in_group[name].heads
                written[reads] = group.writes(name, units, windows.last_token[reads], block)
        return source, written


def _check(planner: Planner, layer: Layer) -> None:
    if isinstance(layer, Conversion):
        check_conversion(planner, layer)
    else:
        check_layer(planner, layer)


@contextmanager
def keys_of(machine: str) -> Iterator[None]:
    """Put the name of a machine before the keys that an error names, unless one is there."""
    try:
        yield
    except ConfigError as error:
        own = r"(?<![\w.])((?:\w+_scratchpad|array|vector|numerics)\.)"
        raise ConfigError(*(re.sub(own, rf"{machine}\1", message) for message in error.messages)) from None


@contextmanager
def _said_of(op: str, machine: str) -> Iterator[None]:
    try:
        with keys_of(machine):
            yield
    except ConfigError as error:
        raise ConfigError(f"op {op!r}: {error}") from None


def _grouped(lowering: Lowering) -> dict[int, Projections]:
    """Put the projections of each attention right before it; return them by the attention's place."""
    before: dict[int, tuple[int, ...]] = {}
    for place, layer in enumerate(lowering.layers):
        group = projections(lowering, layer) if isinstance(layer, Beside) else None
        if group:
            before[place] = group.places
    moved = {place for places in before.values() for place in places}
    order: list[int] = []
    for place in range(len(lowering.layers)):
        if place not in moved:
            order += [*before.get(place, ()), place]
    lowering.reorder(order)
    attentions = [order.index(place) for place in before]
    found = {place: projections(lowering, lowering.layers[place]) for place in attentions}  # type: ignore[arg-type]
    return {place: group for place, group in found.items() if group}
