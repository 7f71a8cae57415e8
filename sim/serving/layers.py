"""A layer that begins on a team: what it finds in the caches, what it asks of the DRAM, how long it takes.

Whatever changes who shares an island marks the island; `settle_islands` then finds the eviction ages of the marked
ones and what these mean for each tenant.
"""

from __future__ import annotations

from tandemsim.sim.cpu.contention import FOREVER, eviction_age, set_flow, surviving, team_size
from tandemsim.sim.cpu.region import other_island_bytes, solo_seconds, weight_dram_bytes
from tandemsim.sim.cpu.residency import note_use, resident_share
from tandemsim.sim.cpu.tables import KNOTS
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.serving.counters import level
from tandemsim.sim.serving.policy import Rule
from tandemsim.sim.serving.profile import PICOSECONDS
from tandemsim.sim.serving.world import Phase, World


@jit(inline="always")
def begin_layer(world: World, rule: Rule, row: int) -> None:
    """Let `row` run its layer, or what is left of it, from now on."""
    run, parts, tables = world.running, world.parts, world.tables
    layer, cores = run.layer[row], run.cores[row]
    again = run.resume[row] < 1  # a layer that waited for more cores keeps its version and its weights
    if not again:
        seen = level(world.tally.meter)
        run.version[row] = world.plan.best[seen, layer, cores] if rule.versions else tables.shipped[layer]
        run.resident[row] = 0.0
        world.tally.versions[run.version[row]] += 1
    version = run.version[row]
    run.solo[row] = solo_seconds(tables, version, cores) * PICOSECONDS
    run.single[row] = solo_seconds(tables, version, 1) * PICOSECONDS
    run.phase[row] = Phase.LAYER
    run.since[row] = world.state[0].now
    world.flows.left[row] = run.resume[row]
    run.counted[row] = run.resume[row]
    run.resume[row] = 1.0
    low = 0.0
    first = row * len(world.islands.free)
    for part in range(first, first + run.parts[row]):
        island = parts.island[part]
        count_insertions(world, island)
        share = parts.cores[part] / cores
        sliced = tables.weights_once[version] == 1
        bottom, top = (low, low + share) if sliced else (0.0, 1.0)
        low += share
        if not again:
            found = resident_share(world.clock, layer, island, bottom, top, world.truth.l3_bytes)
            parts.kept[part] = found * tables.weight_bytes[layer]
            run.resident[row] += found if sliced else found / run.parts[row]
        parts.mark[part] = world.flows.left[row]
        parts.size[part] = team_size(parts.cores[part])
        parts.speed[part] = tables.past_l2_bytes[version] * share / run.solo[row]
        parts.inserted[part] = 0.0
        if run.attached[row] == 0:
            world.islands.tenant[island, world.islands.count[island]] = part
            world.islands.count[island] += 1
        world.islands.changed[island] = 1
    run.attached[row] = 1


@jit(inline="always")
def end_layer(world: World, row: int) -> None:
    """Note on each island that `row` has used its layer's weights to the end."""
    run, parts = world.running, world.parts
    world.flows.left[row] = 0.0
    low = 0.0
    first = row * len(world.islands.free)
    for part in range(first, first + run.parts[row]):
        count_insertions(world, parts.island[part])
        share = parts.cores[part] / run.cores[row]
        sliced = world.tables.weights_once[run.version[row]] == 1
        bottom, top = (low, low + share) if sliced else (0.0, 1.0)
        low += share
        note_use(world.clock, run.layer[row], parts.island[part], bottom, top)
        parts.inserted[part] = 0.0


@jit(inline="always")
def leave_islands(world: World, row: int) -> None:
    """Take the data of `row` out of the competition for L3, while it has no layer that runs."""
    first = row * len(world.islands.free)
    for part in range(first, first + world.running.parts[row]):
        island = world.parts.island[part]
        count_insertions(world, island)
        place = 0
        while world.islands.tenant[island, place] != part:
            place += 1
        world.islands.count[island] -= 1
        world.islands.tenant[island, place] = world.islands.tenant[island, world.islands.count[island]]
        world.islands.changed[island] = 1
    world.running.attached[row] = 0


@jit(inline="always")
def count_insertions(world: World, island: int) -> None:
    """Bring the island's clock up to now."""
    for place in range(world.islands.count[island]):
        part = world.islands.tenant[island, place]
        left = world.flows.left[part // len(world.islands.free)]
        world.clock.inserted[island] += world.parts.inserted[part] * (world.parts.mark[part] - left)
        world.parts.mark[part] = left


@jit(inline="always")
def settle_islands(world: World) -> None:
    """Find the eviction age of each island whose tenants changed, and what it means for them."""
    islands, parts, truth = world.islands, world.parts, world.truth
    for island in range(len(islands.changed)):
        if islands.changed[island] == 0:
            continue
        islands.changed[island] = 0
        count_insertions(world, island)
        count = islands.count[island]
        age = 0.0
        if count > 1:
            for place in range(count):
                part = islands.tenant[island, place]
                islands.versions[place] = world.running.version[part // len(islands.free)]
                islands.sizes[place] = parts.size[part]
                islands.speeds[place] = parts.speed[part]
            age = eviction_age(world.curves, islands.versions, islands.sizes, islands.speeds, count, truth.l3_bytes)
        for place in range(count):
            part = islands.tenant[island, place]
            row = part // len(islands.free)
            version, size = world.running.version[row], parts.size[part]
            if count == 1:
                parts.survives[part] = islands.alone[version, size]
            else:
                moved = min(FOREVER, age * parts.speed[part])
                parts.survives[part] = surviving(world.curves, version, size, moved)
            share = parts.cores[part] / world.running.cores[row]
            streamed = share * world.tables.past_l2_bytes[version] * parts.survives[part]
            others = other_island_bytes(world.tables, world.running.layer[row], version, world.running.parts[row])
            parts.inserted[part] = max(0.0, streamed - parts.kept[part]) + share * others
            world.running.stale[row] = 1


@jit(inline="always")
def settle_rows(world: World) -> None:
    """Say what each layer asks of the DRAM whose misses have changed."""
    run, parts, truth, tables = world.running, world.parts, world.truth, world.tables
    for row in range(world.state[0].rows):
        if run.stale[row] == 0:
            continue
        run.stale[row] = 0
        if run.attached[row] == 0:
            continue
        version, layer, spans = run.version[row], run.layer[row], run.parts[row]
        missed = 0.0
        first = row * len(world.islands.free)
        for part in range(first, first + spans):
            once = world.curves.survival[version, parts.size[part], KNOTS - 1]
            missed += parts.cores[part] / run.cores[row] * max(0.0, parts.survives[part] - once)
        missed *= tables.past_l2_bytes[version]
        moved = missed + weight_dram_bytes(tables, layer, version, spans, run.resident[row])
        a_byte = truth.stall / run.cores[row]
        solid = run.solo[row] + a_byte * other_island_bytes(tables, layer, version, spans)
        set_flow(world.flows, row, solid, a_byte * moved, moved, truth.queueing)
