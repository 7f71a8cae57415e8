"""The program of an attention layer: its tiles, head after head, and the transfers that feed them.

It says what moves and what waits for what; `sim.salo.layer.loop` computes when. Keys and values live in
circular scratchpads, a granule (as many keys as the array has rows) in each slot; the keys of the next head
are loaded while the present head still computes. Tiles and triggers are counted in the order in which the
tiles of all heads run (`sim.salo.layer.order`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.salo.config import QUERY_GRANULES, SaloConfig
from tandemsim.sim.arch.sram import Buffering, ScratchpadConfig
from tandemsim.sim.arch.types import Bools, Integers
from tandemsim.sim.memory.runs import runs
from tandemsim.sim.memory.scratchpad import Residency, bank_groups, plan_residency
from tandemsim.sim.salo.layer.layout import Layer, place_tensors
from tandemsim.sim.salo.layer.needs import Granules, Needs, Partition, granules, needs
from tandemsim.sim.salo.layer.order import Order, tile_order
from tandemsim.sim.salo.layer.transfers import (
    PHASES,
    START,
    Kind,
    Phase,
    TransferList,
    Transfers,
)
from tandemsim.sim.salo.scheduling.schedule import GLOBAL, Schedule


@dataclass(frozen=True, slots=True)
class Program:
    """The plan of a layer: everything about it that does not depend on time."""

    layer: Layer
    schedule: Schedule  # of one head
    order: Order
    transfers: Transfers
    residencies: tuple[Residency, Residency]  # of keys, of values
    partition: Partition  # of the keys of one head into granules
    needs: Needs  # of one head
    staging: Bools  # [T] of one head: the tile's outputs take a staging buffer
    staging_buffers: int

    @property
    def tiles(self) -> int:
        """Tiles of all heads."""
        return self.schedule.tiles * self.layer.heads


def global_bytes_held(global_tokens: int, sinks: int, outside: int, row_bytes: int) -> int:
    """Return the bytes that special tokens take in the global scratchpad for as long as a head runs.

    Two heads; query, key and value of global tokens, key and value of sinks, and of the other projection of
    tokens outside the grid.
    """
    return 2 * (3 * global_tokens + 2 * sinks + 2 * outside) * row_bytes


def program(config: SaloConfig, schedule: Schedule, layer: Layer) -> Program:
    """Plan the transfers of a layer. Raises `ConfigError` where a scratchpad cannot hold one tile."""
    return _Planner(config, schedule, layer).program()


class _Planner:
    """Collects the transfers of a layer, one method for each kind."""

    def __init__(self, config: SaloConfig, schedule: Schedule, layer: Layer) -> None:
        self.config, self.schedule, self.layer = config, schedule, layer
        self.placement = place_tensors(config, schedule, layer)
        self.row_bytes = self.placement.row_bytes
        self.order = tile_order(schedule, layer.heads, layer.group)
        self.heads = np.arange(layer.heads, dtype=np.int64)
        self.list = TransferList()
        blocks = np.flatnonzero(schedule.first)
        self.first_tile = np.full(len(schedule.block_rows), -1, np.int64)
        self.last_tile = np.full(len(schedule.block_rows), -1, np.int64)
        self.first_tile[schedule.block[blocks]] = blocks
        self.last_tile[schedule.block[np.flatnonzero(schedule.last)]] = np.flatnonzero(schedule.last)
        self.blocks = schedule.block[blocks]  # in the order of their first tiles

    def program(self) -> Program:
        """Plan everything."""
        partition = granules(self.schedule, self.config.array.rows)
        per_head = needs(self.schedule, partition)
        residencies = self._keys_and_values(partition.granules, per_head)
        self._queries()
        self._partials()
        self._global_tokens()
        self._private_keys()
        self._outputs()
        staged = self.schedule.last & ~self.schedule.spill[self.schedule.block]
        row = self.config.array.rows * self.placement.row_bytes["output"]
        buffers = self._slots("output", self.config.output_scratchpad.capacity_bytes, row, 1)
        return Program(
            layer=self.layer,
            schedule=self.schedule,
            order=self.order,
            transfers=self.list.ordered(buffers),
            residencies=residencies,
            partition=partition,
            needs=per_head,
            staging=staged,
            staging_buffers=buffers,
        )

    def _slots(self, name: str, capacity_bytes: int, slot_bytes: int, least: int, held: int = 0) -> int:
        """Return how many slots a scratchpad has beside `held` bytes, at least as many as a tile needs."""
        if capacity_bytes < held + least * slot_bytes:
            least_bytes = held + least * slot_bytes
            rule = f"{name}_scratchpad.capacity_bytes must be at least {least_bytes}"
            raise ConfigError(f"{rule} for heads of {self.layer.head_dim}, not {capacity_bytes}")
        return (capacity_bytes - held) // slot_bytes

    def _keys_and_values(self, of_head: Granules, per_head: Needs) -> tuple[Residency, Residency]:
        """Load granules of keys and values in the order of their use, as each scratchpad is buffered."""
        tile, count = self.order.tile, len(of_head.start)
        first, many = per_head.offsets[tile], np.diff(per_head.offsets)[tile]
        offsets = np.concatenate(([0], np.cumsum(many)))
        place = np.arange(offsets[-1]) + np.repeat(first - offsets[:-1], many)
        needed = per_head.granule[place] + np.repeat(self.order.head // self.layer.group, many) * count
        keys = self._load(Kind.KEY, Phase.QK, self.config.key_scratchpad, of_head, offsets, needed)
        values = self._load(Kind.VALUE, Phase.PV, self.config.value_scratchpad, of_head, offsets, needed)
        return keys, values

    def _load(
        self,
        kind: Kind,
        phase: Phase,
        scratchpad: ScratchpadConfig,
        of_head: Granules,
        offsets: Integers,
        needed: Integers,
    ) -> Residency:
        """Load the granules of one scratchpad; `phase` is the one that uses them."""
        name = kind.name.lower()
        row_bytes = self.row_bytes[name]
        granule_bytes = self.config.array.rows * row_bytes
        most = int(np.diff(offsets).max(initial=1))
        least = most if scratchpad.buffering is Buffering.CIRCULAR else 2 * most
        slots = self._slots(name, scratchpad.capacity_bytes, granule_bytes, least)
        groups = bank_groups(scratchpad.banks, self.config.array.rows, slots)
        residency = plan_residency(offsets, needed, slots, scratchpad.buffering, groups)
        shared, granule = np.divmod(residency.granule, len(of_head.start))
        head = shared * self.layer.group
        start, rows = of_head.start[granule], of_head.rows[granule]
        own, separate = self.placement.at(name, head, start), self.placement.at(f"global_{name}", head, start)
        base = np.where(of_head.source[granule] == GLOBAL, separate, own)
        stride, trigger = of_head.stride[granule] * row_bytes, self._after(residency.after, phase)
        self.list.add(kind, base, rows, row_bytes, stride, trigger, tile=residency.first_use, phase=phase)
        return residency

    def _steps(self, tile: int) -> Integers:
        """Return the step in which each head runs a tile of its schedule."""
        return self.order.step[:, tile]

    def _after(self, tile: Integers, phase: Phase) -> Integers:
        """Return the trigger "this phase of the tile has ended"; START where `tile` is negative."""
        return np.where(tile < 0, START, tile * PHASES + phase)

    def _queries(self) -> None:
        """Load the queries of each block, each into the slot of an earlier block that has finished."""
        row_bytes = self.row_bytes["query"]
        block_bytes = self.config.array.rows * row_bytes
        capacity = self.config.query_scratchpad.capacity_bytes
        slots = self._slots("query", capacity, block_bytes, QUERY_GRANULES)
        first_of = self.order.step[:, self.first_tile[self.blocks]]
        in_turn = np.argsort(first_of, axis=None)
        last = self.order.step[:, self.last_tile[self.blocks]].ravel()[in_turn]
        freed_by = np.empty_like(last)
        freed_by[in_turn] = np.concatenate((np.full(slots, -1, np.int64), last))[: len(last)]
        trigger = self._after(freed_by, Phase.QK).reshape(first_of.shape)
        for index, block in enumerate(self.blocks):
            source = self.schedule.source[self.first_tile[block]]
            name = "global_query" if source == GLOBAL else "query"
            for token, count, step in self._rows_of(int(block)):
                base = self.placement.at(name, self.heads, token)
                when, tile = trigger[:, index], first_of[:, index]
                self.list.add(Kind.QUERY, base, count, row_bytes, step * row_bytes, when, tile=tile)

    def _rows_of(self, block: int) -> list[tuple[int, int, int]]:
        rows = self.schedule.block_rows[block]
        return runs(rows[rows >= 0])

    def _outputs(self) -> None:
        """Write the outputs of each block after its last tile, and those of each global query likewise."""
        row_bytes = self.placement.row_bytes["output"]
        for block in self.blocks:
            if self.schedule.spill[block]:
                continue
            pieces = self._rows_of(int(block))
            trigger = self._after(self._steps(self.last_tile[block]), Phase.OUTPUT)
            for index, (token, count, step) in enumerate(pieces):
                base = self.placement.at("output", self.heads, token)
                staged = int(index == len(pieces) - 1)
                self.list.add(
                    Kind.OUTPUT, base, count, row_bytes, step * row_bytes, trigger, write=True, staged=staged
                )
        for tile, row in np.argwhere(self.schedule.row_last):
            base = self.placement.at("output", self.heads, self.schedule.row_query[tile, row])
            trigger = self._after(self._steps(tile), Phase.OUTPUT)
            self.list.add(Kind.OUTPUT, base, 1, row_bytes, row_bytes, trigger, write=True)

    def _partials(self) -> None:
        """Write partial results at the end of a sweep, and read them before the next sweep's first merge."""
        row_bytes = self.placement.row_bytes["partial"]
        # The block that wrote the partial result of each query.
        spilled_by = np.full(self.layer.queries, -1, np.int64)
        read_back = np.full(len(self.schedule.block_rows), -1, np.int64)  # first tile that reads of a block's
        for block in self.blocks:
            rows = self.schedule.block_rows[block]
            queries = rows[rows >= 0]
            tile = self.first_tile[block]
            if self.schedule.restore[block]:
                sources = np.unique(spilled_by[queries])  # each sweep goes over all queries
                assert sources[0] >= 0
                read_back[sources] = np.where(read_back[sources] < 0, tile, read_back[sources])
                ready = self._after(self._steps(self.last_tile[sources].max()), Phase.OUTPUT)
                for token, count, step in self._rows_of(int(block)):
                    base, stride = self.placement.at("partial", self.heads, token), step * row_bytes
                    needed = self._steps(tile)
                    self.list.add(
                        Kind.PARTIAL, base, count, row_bytes, stride, ready, tile=needed, phase=Phase.PV
                    )
            if self.schedule.spill[block]:
                spilled_by[queries] = block
        for block in self.blocks[self.schedule.spill[self.blocks]]:
            trigger = self._after(self._steps(self.last_tile[block]), Phase.OUTPUT)
            for token, count, step in self._rows_of(int(block)):
                base, stride = self.placement.at("partial", self.heads, token), step * row_bytes
                tile = self._steps(read_back[block])
                self.list.add(Kind.PARTIAL, base, count, row_bytes, stride, trigger, tile=tile, write=True)

    def _global_tokens(self) -> None:
        """Load what the global scratchpad holds for each head: queries of the global rows, keys and values of
        the global columns, and keys and values of tokens outside the grid, which no granule holds.

        The scratchpad has room for two heads, the present one and the next; heads that take turns have one
        place.
        """
        heads = self.heads[:: self.order.side_by_side]
        last_step = np.append(self.order.turn_start[1:], self.order.step.size) - 1
        freed_by = np.concatenate((np.full(2, -1, np.int64), last_step))[: len(heads)]
        column_keys = np.unique(self.schedule.column_keys[self.schedule.column_keys >= 0])
        # Other keys in the global columns are leftovers of a window; they come with their granules.
        column_keys = column_keys[self.schedule.is_global[column_keys]]
        outside = np.arange(self.schedule.outside)
        row_queries = np.unique(self.schedule.row_query[self.schedule.row_query >= 0])
        separate = self.schedule.source == GLOBAL
        loads = [  # tensors, tokens, and [T] which tiles use them
            (("global_query",), row_queries, self.schedule.row_first.any(axis=1)),
            (
                ("key", "value"),
                np.union1d(column_keys, outside),
                (self.schedule.column_keys >= 0).any(axis=1),
            ),
            (("global_key", "global_value"), outside[: len(outside) * separate.any()], separate),
        ]
        for names, tokens, using in loads:
            if len(tokens) == 0:
                continue
            tile = self.order.step[heads, int(np.argmax(using))]
            for tensor in names:
                phase, row_bytes = Phase.PV if tensor.endswith("value") else Phase.QK, self.row_bytes[tensor]
                for token, count, step in runs(tokens):
                    base, stride = self.placement.at(tensor, heads, token), step * row_bytes
                    trigger = self._after(freed_by, Phase.PV)
                    self.list.add(
                        Kind.GLOBAL, base, count, row_bytes, stride, trigger, tile=tile, phase=phase
                    )

    def _private_keys(self) -> None:
        """Stream the sequence past the global rows through their own ports, `cols` keys in some tiles."""
        key_bytes, value_bytes = self.row_bytes["key"], self.row_bytes["value"]
        widest = max(key_bytes, value_bytes)
        global_tokens = list(self.layer.global_tokens)
        columns = np.unique(self.schedule.column_keys[self.schedule.column_keys >= 0])
        sinks = np.setdiff1d(columns[self.schedule.is_global[columns]], global_tokens)
        held = global_bytes_held(len(global_tokens), len(sinks), self.schedule.outside, widest)
        share_bytes = self.config.array.cols * (key_bytes + value_bytes)
        shares = self.schedule.row_keys.valid.any(axis=(1, 2))
        private = self.schedule.private_rows and bool(shares.any())
        capacity = self.config.global_scratchpad.capacity_bytes
        slots = self._slots("global", capacity, share_bytes, 2 * int(private), held)
        if not private:
            return
        tile = np.flatnonzero(shares)
        keys = self.schedule.row_keys.keys[tile, 0]
        first = np.where(keys >= 0, keys, self.layer.seq_len).min(axis=1)
        count = (keys >= 0).sum(axis=1)
        at = self.order.step[:, tile].ravel()
        freed_by = np.concatenate((np.full(slots, -1, np.int64), at))[: len(at)]
        head = np.repeat(self.heads, len(tile))
        for phase, name in ((Phase.QK, "global_key"), (Phase.PV, "global_value")):
            base = self.placement.at(name, head, np.tile(first, len(self.heads)))
            rows = np.tile(count, len(self.heads))
            trigger = self._after(freed_by, phase)
            row_bytes = self.row_bytes[name]
            self.list.add(Kind.GLOBAL, base, rows, row_bytes, row_bytes, trigger, tile=at, phase=phase)
