"""The program of a run of both arrays: every layer on its engine, in one order that all lists agree with.

Layers keep the order of the trace, but for the projections of an attention: they stand right before it, and
run head by head. `sim.ant.loop` computes when.
"""

from __future__ import annotations

import numpy as np

from tandemsim.sim.ant.loop import NONE
from tandemsim.sim.ant.lowering import Beside, Conversion, Lowering, Product
from tandemsim.sim.ant.planned import Program
from tandemsim.sim.ant.planner import Planner
from tandemsim.sim.ant.program import assembled, plan_layer
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.fused.config import FusedConfig
from tandemsim.sim.arch.types import Integers
from tandemsim.sim.fused.conversion import plan_conversion, token_blocks
from tandemsim.sim.fused.heads import NAMES, Projections, plan_projections, projections
from tandemsim.sim.fused.windows import Windows, add_windows, windows_of
from tandemsim.sim.salo.layer.layout import NAMES as TENSORS
from tandemsim.sim.salo.machine import Case, case_of


def program(config: FusedConfig, lowering: Lowering) -> tuple[Program, dict[int, Windows]]:
    """Plan every layer; return the windows by the place of their layer, too.

    `ConfigError` names the op that does not fit.
    """
    return _Planner(config, lowering).program()


class _Planner:
    """The planner of the ANT machine, and what attention beside it needs."""

    def __init__(self, config: FusedConfig, lowering: Lowering) -> None:
        self.config, self.lowering = config.salo_config, lowering
        self.planner = Planner(config.ant_config, lowering)
        self.windows: dict[int, Windows] = {}
        self._known: dict[Case, Windows] = {}
        self._groups: dict[int, Projections] = {}  # by the place of the attention
        self._grouped: set[int] = set()  # places of products that run head by head
        for place, layer in enumerate(lowering.layers):
            if isinstance(layer, Beside):
                group = projections(self.planner.config, lowering, layer)
                if group:
                    self._groups[place] = group
                    self._grouped.update(part.place for part in group.parts)
            elif isinstance(layer, Conversion):
                self._order_tokens(place, layer)

    def program(self) -> tuple[Program, dict[int, Windows]]:
        for place, layer in enumerate(self.lowering.layers):
            if place in self._grouped:
                continue
            try:
                self._plan(place)
            except ConfigError as error:
                raise ConfigError(f"op {layer.op.name!r}: {error}") from None
        self.planner.check_dram()
        return assembled(self.planner), self.windows

    def _plan(self, place: int) -> None:
        layer = self.lowering.layers[place]
        if isinstance(layer, Beside):
            self._attention(place, layer)
        else:
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
        layer.token_blocks = blocks = ((0, layer.tokens),)
        following = self.lowering.layers[place + 1] if place + 1 < len(self.lowering.layers) else None
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
            self._known[case] = windows_of(self.config, case)
        windows = self.windows[place] = self._known[case]
        roots = dict(zip(NAMES, layer.inputs, strict=False)) | {"output": layer.output}
        bases = self._bases(layer, windows, roots)
        group = self._groups.get(place)
        if group:
            plan_projections(self.planner, group, bases)
        self.planner.begin(place)
        self._count_writes(place, windows)
        waits = self._waits(windows, roots, group)
        add_windows(self.planner, place, windows, bases, roots, waits, layer.op.dim("heads"))

    def _bases(self, layer: Beside, windows: Windows, roots: dict[str, int]) -> dict[str, int]:
        """Place the tensors of an attention: [heads, tokens, size] each, two of one product back to back."""
        bases: dict[str, int] = {}
        ends: dict[int, int] = {}
        for name, size in windows.sizes.items():
            root = roots.get(name)
            if root is None or name == "global_query":  # which stands among the rows of all queries
                bases[name] = self.planner.reserve(size)
                continue
            bits = layer.output_bits if name == "output" else layer.bits
            bases[name] = ends.get(root, self.planner.at(root, bits))
            ends[root] = bases[name] + size
        return bases

    def _count_writes(self, place: int, windows: Windows) -> None:
        plan = self.planner.plans[place]
        plan.writes = int(windows.program.transfers.is_write.sum())
        plan.covered = [0.0] * (plan.writes - 1) + [1.0]

    def _waits(
        self, windows: Windows, roots: dict[str, int], group: Projections | None
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
                written[reads] = group.writes(name, units, windows.last_token[reads])
        return source, written
