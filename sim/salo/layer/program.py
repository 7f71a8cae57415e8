"""The program of an attention layer: its tiles, head after head, and the transfers that feed them.

It says what moves and what waits for what; `sim.salo.layer.loop` computes when. Keys and values live in
circular scratchpads, a granule (as many keys as the array has rows) in each slot; the keys of the next head
are loaded while the present head still computes.
"""

from __future__ import annotations

from collections.abc import Sequence
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


def global_bytes_held(global_tokens: Sequence[int], outside: int, row_bytes: int) -> int:
    """Return the bytes that global tokens take in the global scratchpad for as long as a head runs.

    Two heads; query, key and value, and key and value of the other projection of tokens outside.
    """
    return 2 * (3 * len(global_tokens) + 2 * outside) * row_bytes


def program(config: SaloConfig, schedule: Schedule, layer: Layer) -> Program:
    """Plan the transfers of a layer. Raises `ConfigError` where a scratchpad cannot hold one tile."""
    return _Planner(config, schedule, layer).program()


class _Planner:
    """Collects the transfers of a layer, one method for each kind."""

    def __init__(self, config: SaloConfig, schedule: Schedule, layer: Layer) -> None:
        self.config, self.schedule, self.layer = config, schedule, layer
        self.placement = place_tensors(config, schedule, layer)
        self.row_bytes = self.placement.row_bytes["key"]
        self.heads = np.arange(layer.heads, dtype=np.int64)
        self.head_start = self.heads * schedule.tiles  # first tile of each head
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
        used, count = per_head.offsets[-1], len(of_head.start)
        offsets = np.append(
            (per_head.offsets[:-1] + self.heads[:, None] * used).ravel(), used * len(self.heads)
        )
        needed = (per_head.granule + self.heads[:, None] * count).ravel()
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
        name, granule_bytes = kind.name.lower(), self.config.array.rows * self.row_bytes
        most = int(np.diff(offsets).max(initial=1))
        least = most if scratchpad.buffering is Buffering.CIRCULAR else 2 * most
        slots = self._slots(name, scratchpad.capacity_bytes, granule_bytes, least)
        groups = bank_groups(scratchpad.banks, self.config.array.rows, slots)
        residency = plan_residency(offsets, needed, slots, scratchpad.buffering, groups)
        head, granule = np.divmod(residency.granule, len(of_head.start))
        start, rows = of_head.start[granule], of_head.rows[granule]
        own, separate = self.placement.at(name, head, start), self.placement.at(f"global_{name}", head, start)
        base = np.where(of_head.source[granule] == GLOBAL, separate, own)
        stride, trigger = of_head.stride[granule] * self.row_bytes, self._after(residency.after, phase)
        self.list.add(
            kind, base, rows, self.row_bytes, stride, trigger, tile=residency.first_use, phase=phase
        )
        return residency

    def _after(self, tile: Integers, phase: Phase) -> Integers:
        """Return the trigger "this phase of the tile has ended"; START where `tile` is negative."""
        return np.where(tile < 0, START, tile * PHASES + phase)

    def _queries(self) -> None:
        """Load the queries of each block, each into the slot of an earlier block that has finished."""
        block_bytes = self.config.array.rows * self.row_bytes
        capacity = self.config.query_scratchpad.capacity_bytes
        slots = self._slots("query", capacity, block_bytes, QUERY_GRANULES)
        first = (self.first_tile[self.blocks] + self.head_start[:, None]).ravel()
        last = (self.last_tile[self.blocks] + self.head_start[:, None]).ravel()
        freed_by = np.concatenate((np.full(slots, -1, np.int64), last))[: len(last)]
        trigger = self._after(freed_by, Phase.QK).reshape(len(self.heads), -1)
        first_of = first.reshape(len(self.heads), -1)
        for index, block in enumerate(self.blocks):
            source = self.schedule.source[self.first_tile[block]]
            name = "global_query" if source == GLOBAL else "query"
            for token, count, step in self._rows_of(int(block)):
                base = self.placement.at(name, self.heads, token)
                stride = step * self.row_bytes
                self.list.add(
                    Kind.QUERY,
                    base,
                    count,
                    self.row_bytes,
                    stride,
                    trigger[:, index],
                    tile=first_of[:, index],
                )

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
            trigger = self._after(self.last_tile[block] + self.head_start, Phase.OUTPUT)
            for index, (token, count, step) in enumerate(pieces):
                base = self.placement.at("output", self.heads, token)
                staged = int(index == len(pieces) - 1)
                self.list.add(
                    Kind.OUTPUT, base, count, row_bytes, step * row_bytes, trigger, write=True, staged=staged
                )
        for tile, row in np.argwhere(self.schedule.row_last):
            base = self.placement.at("output", self.heads, self.schedule.row_query[tile, row])
            trigger = self._after(tile + self.head_start, Phase.OUTPUT)
            self.list.add(Kind.OUTPUT, base, 1, row_bytes, row_bytes, trigger, write=True)

    def _partials(self) -> None:
        """Write partial results at the end of a sweep, and read them before the next sweep's first merge."""
        row_bytes = self.placement.row_bytes["partial"]
        # The block that wrote the partial result of each query.
        spilled_by = np.full(self.layer.seq_len, -1, np.int64)
        read_back = np.full(len(self.schedule.block_rows), -1, np.int64)  # first tile that reads of a block's
        for block in self.blocks:
            rows = self.schedule.block_rows[block]
            queries = rows[rows >= 0]
            tile = self.first_tile[block]
            if self.schedule.restore[block]:
                sources = np.unique(spilled_by[queries])  # each sweep goes over all queries
                assert sources[0] >= 0
                read_back[sources] = np.where(read_back[sources] < 0, tile, read_back[sources])
                ready = self._after(self.last_tile[sources].max() + self.head_start, Phase.OUTPUT)
                for token, count, step in self._rows_of(int(block)):
                    base, stride = self.placement.at("partial", self.heads, token), step * row_bytes
                    needed = {"tile": tile + self.head_start, "phase": Phase.PV}
                    self.list.add(Kind.PARTIAL, base, count, row_bytes, stride, ready, **needed)
            if self.schedule.spill[block]:
                spilled_by[queries] = block
        for block in self.blocks[self.schedule.spill[self.blocks]]:
            trigger = self._after(self.last_tile[block] + self.head_start, Phase.OUTPUT)
            for token, count, step in self._rows_of(int(block)):
                base, stride = self.placement.at("partial", self.heads, token), step * row_bytes
                tile = read_back[block] + self.head_start
                self.list.add(Kind.PARTIAL, base, count, row_bytes, stride, trigger, tile=tile, write=True)

    def _global_tokens(self) -> None:
        """Load what the global scratchpad holds for each head: queries of the global rows, keys and values of
        the global columns, and keys and values of tokens outside the grid, which no granule holds.

        The scratchpad has room for two heads, the present one and the next.
        """
        last_tile = self.head_start + self.schedule.tiles - 1
        freed_by = np.concatenate((np.full(2, -1, np.int64), last_tile))[: len(self.heads)]
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
            tile = int(np.argmax(using)) + self.head_start
            for tensor in names:
                phase = Phase.PV if tensor.endswith("value") else Phase.QK
                for token, count, step in runs(tokens):
                    base = self.placement.at(tensor, self.heads, token)
                    stride = step * self.row_bytes
                    trigger = self._after(freed_by, Phase.PV)
                    self.list.add(
                        Kind.GLOBAL, base, count, self.row_bytes, stride, trigger, tile=tile, phase=phase
                    )

    def _private_keys(self) -> None:
        """Stream the sequence past the global rows through their own ports, `cols` keys in some tiles."""
        held = global_bytes_held(self.layer.global_tokens, self.schedule.outside, self.row_bytes)
        share_bytes = 2 * self.config.array.cols * self.row_bytes  # keys and values
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
        at = (tile + self.head_start[:, None]).ravel()
        freed_by = np.concatenate((np.full(slots, -1, np.int64), at))[: len(at)]
        head = np.repeat(self.heads, len(tile))
        for phase, name in ((Phase.QK, "global_key"), (Phase.PV, "global_value")):
            base = self.placement.at(name, head, np.tile(first, len(self.heads)))
            rows = np.tile(count, len(self.heads))
            trigger = self._after(freed_by, phase)
            self.list.add(
                Kind.GLOBAL, base, rows, self.row_bytes, self.row_bytes, trigger, tile=at, phase=phase
            )
