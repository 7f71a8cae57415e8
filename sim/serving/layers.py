"""A layer that runs on a team: what it finds in the caches, what it asks of the DRAM, what it leaves.

Whatever changes who shares an island marks the island; `settle_islands` then finds the eviction ages of the
marked ones, and `settle_rows` what these mean for each tenant.
"""

from __future__ import annotations

from tandemsim.sim.arch.types import Doubles, Record
from tandemsim.sim.cpu.contention import FOREVER, Flows, eviction_age, set_flow, surviving
from tandemsim.sim.cpu.residency import note_use, resident_share
from tandemsim.sim.cpu.tables import KNOTS
from tandemsim.sim.engine.jit import BARE, jit
from tandemsim.sim.serving.world import MOST_ISLANDS, Alone, Fact, Machine, Phase, Traffic


@jit(inline="always")
def flows_of(state: Record) -> Flows:
    """Return what the rows ask of the DRAM, as `sim.cpu.contention` takes it."""
    return Flows(state.left, state.slope, state.relief, state.moved, state.pull, state.pace)


@jit(**BARE, forceinline=True)
def begin_layer(
    state: Record,
    machine: Machine,
    facts: Doubles,
    solo: Doubles,
    traffic: Doubles,
    alone: Doubles,
    uses: Doubles,
    row: int,
    version: int,
) -> None:
    """Let `row` run `version` of its layer from now on, or what is left of a layer that it had begun.

    A part that is a whole island shares it with nobody: what it misses and inserts is known at once.
    """
    layer, cores, spans = state.layer[row], state.cores[row], state.parts[row]
    again = state.resume[row] < 1  # the weights that it found count on
    if not again:
        state.version[row] = version
        state.resident[row] = 0.0
    state.solo[row] = solo[version, cores]
    state.single[row] = solo[version, 1]
    state.phase[row] = Phase.LAYER
    state.since[row] = state.now
    state.left[row] = state.resume[row]
    state.counted[row] = state.resume[row]
    state.resume[row] = 1.0
    sliced = facts[version, Fact.SLICED] == 1
    core_speed = facts[version, Fact.PAST_L2] / (state.solo[row] * cores)
    each, low = 1.0 / cores, 0.0
    first = row * MOST_ISLANDS
    for part in range(first, first + spans):
        island, share = state.part_island[part], state.part_cores[part] * each
        whole = state.part_cores[part] == machine.island_cores
        if state.attached[row] == 0 and not whole:
            count_island(state, machine, island)  # else the end of the layer before has just done it
            state.tenant[island * machine.island_cores + state.count[island]] = part
            state.count[island] += 1
        if not again:
            bottom, top = (low, low + share) if sliced else (0.0, 1.0)
            inserted = state.inserted[island]
            found = resident_share(uses, layer, island, inserted, bottom, top, machine.l3_bytes)
            state.kept[part] = found * facts[version, Fact.WEIGHTS]
            state.resident[row] += found if sliced else found / spans
        low += share
        state.mark[part] = state.left[row]
        state.speed[part] = core_speed * state.part_cores[part]
        if whole:
            survives = alone[version, state.part_size[part], Alone.SURVIVES]
            _set_part(state, part, survives, share, facts[version, Fact.PAST_L2], traffic[version, spans])
        else:
            state.inserts[part] = 0.0
            state.changed[island] = 1
    state.stale[row] = 1
    state.attached[row] = 1


@jit(**BARE, forceinline=True)
def _set_part(
    state: Record, part: int, survives: float, share: float, past_l2_bytes: float, traffic: Doubles
) -> None:
    """Say what a part misses, and what it inserts in the whole of its layer."""
    state.survives[part] = survives
    streamed = share * past_l2_bytes * survives
    state.inserts[part] = max(0.0, streamed - state.kept[part]) + share * traffic[Traffic.OTHERS]


@jit(**BARE, forceinline=True)
def end_layer(state: Record, machine: Machine, facts: Doubles, uses: Doubles, row: int) -> None:
    """Note on each island that `row` has used its layer's weights to the end."""
    sliced = facts[state.version[row], Fact.SLICED] == 1
    each, low = 1.0 / state.cores[row], 0.0
    first = row * MOST_ISLANDS
    for part in range(first, first + state.parts[row]):
        island = state.part_island[part]
        _count_around(state, machine, part)
        share = state.part_cores[part] * each
        bottom, top = (low, low + share) if sliced else (0.0, 1.0)
        low += share
        note_use(uses, state.layer[row], island, state.inserted[island], bottom, top)
        state.inserts[part] = 0.0


@jit(**BARE)
def leave_islands(state: Record, machine: Machine, row: int) -> None:
    """Take the data of `row` out of the competition for L3, while it has no layer that runs."""
    first = row * MOST_ISLANDS
    for part in range(first, first + state.parts[row]):
        _count_around(state, machine, part)
        if state.part_cores[part] == machine.island_cores:
            continue
        island = state.part_island[part]
        place = island * machine.island_cores
        while state.tenant[place] != part:
            place += 1
        state.count[island] -= 1
        state.tenant[place] = state.tenant[island * machine.island_cores + state.count[island]]
        state.changed[island] = 1
    state.attached[row] = 0


@jit(**BARE)
def _count_around(state: Record, machine: Machine, part: int) -> None:
    """Bring the clock of a part's island up to now."""
    if state.part_cores[part] == machine.island_cores:
        _count_part(state, part)
    else:
        count_island(state, machine, state.part_island[part])


@jit(**BARE)
def count_island(state: Record, machine: Machine, island: int) -> None:
    """Bring the clock of an island up to now, before its tenants change."""
    place = island * machine.island_cores
    for number in range(place, place + state.count[island]):
        _count_part(state, state.tenant[number])


@jit(**BARE)
def _count_part(state: Record, part: int) -> None:
    left = state.left[part // MOST_ISLANDS]
    state.inserted[state.part_island[part]] += state.inserts[part] * (state.mark[part] - left)
    state.mark[part] = left


@jit(**BARE, forceinline=True)
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
                survives = alone[version, size, Alone.SURVIVES]
            else:
                survives = surviving(survival, version, size, min(FOREVER, age * state.speed[part]))
            share = state.part_cores[part] / state.cores[row]
            others = traffic[version, state.parts[row]]
            _set_part(state, part, survives, share, facts[version, Fact.PAST_L2], others)
            state.stale[row] = 1


@jit(**BARE, forceinline=True)
def settle_rows(state: Record, machine: Machine, facts: Doubles, traffic: Doubles, survival: Doubles) -> None:
    """Say what each layer whose misses have changed asks of the DRAM."""
    for row in range(state.rows):
        if state.stale[row] == 0:
            continue
        state.stale[row] = 0
        if state.attached[row] == 0:
            continue
        version, spans, each = state.version[row], state.parts[row], 1.0 / state.cores[row]
        missed = 0.0
        first = row * MOST_ISLANDS
        for part in range(first, first + spans):
            once = survival[version, state.part_size[part], KNOTS - 1]
            missed += state.part_cores[part] * max(0.0, state.survives[part] - once)
        weights = traffic[version, spans, Traffic.WEIGHTS] * (1 - state.resident[row])
        moved = missed * each * facts[version, Fact.PAST_L2] + weights
        a_byte = machine.stall * each
        solid = state.solo[row] + a_byte * traffic[version, spans, Traffic.OTHERS]
        set_flow(flows_of(state), row, solid, a_byte * moved, moved, machine.queueing)
