"""A layer that runs on a team: what it finds in the caches, what it asks of the DRAM, what it leaves.

Whatever changes who shares an island marks the island; `settle_islands` then finds the eviction ages of the
marked ones, and `settle_rows` what these mean for each tenant.
"""

from __future__ import annotations

from tandemsim.sim.arch.types import Doubles, Integers, Record
from tandemsim.sim.cpu.contention import FOREVER, Flows, eviction_age, set_flow, surviving, team_size
from tandemsim.sim.cpu.residency import note_use, resident_share
from tandemsim.sim.cpu.tables import KNOTS
from tandemsim.sim.engine.jit import BARE, jit
from tandemsim.sim.serving.world import MOST_ISLANDS, Alone, Fact, Machine, Phase, Traffic


@jit(inline="always")
def flows_of(state: Record) -> Flows:
    """Return what the rows ask of the DRAM, as `sim.cpu.contention` takes it."""
    return Flows(state.left, state.slope, state.relief, state.moved, state.pull, state.pace)


@jit(**BARE)
def begin_layer(
    state: Record,
    machine: Machine,
    facts: Doubles,
    solo: Doubles,
    uses: Doubles,
    ran: Integers,
    row: int,
    version: int,
) -> None:
    """Let `row` run `version` of its layer from now on; what is left of one that it had begun, as it was."""
    layer, cores = state.layer[row], state.cores[row]
    again = state.resume[row] < 1  # it keeps its version, and the weights that it found
    if again:
        version = int(state.version[row])
    else:
        state.version[row] = version
        state.resident[row] = 0.0
        ran[version] += 1
    state.solo[row] = solo[version, cores]
    state.single[row] = solo[version, 1]
    state.phase[row] = Phase.LAYER
    state.since[row] = state.now
    state.left[row] = state.resume[row]
    state.counted[row] = state.resume[row]
    state.resume[row] = 1.0
    sliced = facts[version, Fact.SLICED] == 1
    low = 0.0
    first = row * MOST_ISLANDS
    for part in range(first, first + state.parts[row]):
        island = state.part_island[part]
        if state.attached[row] == 0:  # else the end of the layer before has just done it
            count_insertions(state, machine, island)
        share = state.part_cores[part] / cores
        if not again:
            bottom, top = (low, low + share) if sliced else (0.0, 1.0)
            inserted = state.inserted[island]
            found = resident_share(uses, layer, island, inserted, bottom, top, machine.l3_bytes)
            state.kept[part] = found * facts[version, Fact.WEIGHTS]
            state.resident[row] += found if sliced else found / state.parts[row]
        low += share
        state.mark[part] = state.left[row]
        state.part_size[part] = team_size(state.part_cores[part])
        state.speed[part] = facts[version, Fact.PAST_L2] * share / state.solo[row]
        state.inserts[part] = 0.0
        if state.attached[row] == 0:
            state.tenant[island * machine.island_cores + state.count[island]] = part
            state.count[island] += 1
        state.changed[island] = 1
    state.attached[row] = 1


@jit(**BARE)
def end_layer(state: Record, machine: Machine, facts: Doubles, uses: Doubles, row: int) -> None:
    """Note on each island that `row` has used its layer's weights to the end."""
    sliced = facts[state.version[row], Fact.SLICED] == 1
    low = 0.0
    first = row * MOST_ISLANDS
    for part in range(first, first + state.parts[row]):
        island = state.part_island[part]
        count_insertions(state, machine, island)
        share = state.part_cores[part] / state.cores[row]
        bottom, top = (low, low + share) if sliced else (0.0, 1.0)
        low += share
        note_use(uses, state.layer[row], island, state.inserted[island], bottom, top)
        state.inserts[part] = 0.0


@jit(**BARE)
def leave_islands(state: Record, machine: Machine, row: int) -> None:
    """Take the data of `row` out of the competition for L3, while it has no layer that runs."""
    first = row * MOST_ISLANDS
    for part in range(first, first + state.parts[row]):
        island = state.part_island[part]
        count_insertions(state, machine, island)
        place = island * machine.island_cores
        while state.tenant[place] != part:
            place += 1
        state.count[island] -= 1
        state.tenant[place] = state.tenant[island * machine.island_cores + state.count[island]]
        state.changed[island] = 1
    state.attached[row] = 0


@jit(**BARE)
def count_insertions(state: Record, machine: Machine, island: int) -> None:
    """Bring the island's clock up to now, before its tenants change."""
    place = island * machine.island_cores
    for part in state.tenant[place : place + state.count[island]]:
        left = state.left[part // MOST_ISLANDS]
        state.inserted[island] += state.inserts[part] * (state.mark[part] - left)
        state.mark[part] = left


@jit(**BARE)
def settle_islands(
    state: Record,
    machine: Machine,
    facts: Doubles,
    traffic: Doubles,
    survival: Doubles,
    occupied_bytes: Doubles,
    alone: Doubles,
) -> None:
    """Find the eviction age of each island whose tenants changed, and what it means for them."""
    for island in range(machine.islands):
        if state.changed[island] == 0:
            continue
        state.changed[island] = 0
        count, place = state.count[island], island * machine.island_cores
        age = FOREVER
        if count > 1:
            for number in range(count):
                part = state.tenant[place + number]
                state.tenant_version[number] = state.version[part // MOST_ISLANDS]
                state.tenant_size[number] = state.part_size[part]
                state.tenant_speed[number] = state.speed[part]
                if state.speed[part] > 0:
                    filled = alone[state.tenant_version[number], state.part_size[part], Alone.MOVED]
                    age = min(age, filled / state.speed[part])
            age = eviction_age(
                survival,
                occupied_bytes,
                state.tenant_version,
                state.tenant_size,
                state.tenant_speed,
                count,
                machine.l3_bytes,
                age,
            )
        for number in range(count):
            part = state.tenant[place + number]
            row = part // MOST_ISLANDS
            version, size = state.version[row], state.part_size[part]
            if count == 1:
                state.survives[part] = alone[version, size, Alone.SURVIVES]
            else:
                moved = min(FOREVER, age * state.speed[part])
                state.survives[part] = surviving(survival, version, size, moved)
            share = state.part_cores[part] / state.cores[row]
            streamed = share * facts[version, Fact.PAST_L2] * state.survives[part]
            copied = share * traffic[version, state.parts[row], Traffic.OTHERS]
            state.inserts[part] = max(0.0, streamed - state.kept[part]) + copied
            state.stale[row] = 1


@jit(**BARE)
def settle_rows(state: Record, machine: Machine, facts: Doubles, traffic: Doubles, survival: Doubles) -> None:
    """Say what each layer whose misses have changed asks of the DRAM."""
    for row in range(state.rows):
        if state.stale[row] == 0:
            continue
        state.stale[row] = 0
        if state.attached[row] == 0:
            continue
        version, spans = state.version[row], state.parts[row]
        missed = 0.0
        first = row * MOST_ISLANDS
        for part in range(first, first + spans):
            once = survival[version, state.part_size[part], KNOTS - 1]
            missed += state.part_cores[part] / state.cores[row] * max(0.0, state.survives[part] - once)
        weights = traffic[version, spans, Traffic.WEIGHTS] * (1 - state.resident[row])
        moved = missed * facts[version, Fact.PAST_L2] + weights
        a_byte = machine.stall / state.cores[row]
        solid = state.solo[row] + a_byte * traffic[version, spans, Traffic.OTHERS]
        set_flow(flows_of(state), row, solid, a_byte * moved, moved, machine.queueing)
