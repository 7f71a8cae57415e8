"""The state of a served machine, as the kernels hold it, and the tables that they read.

A row is a unit that runs: some layers of one query on a fixed team. A part is what of a team lies on one
island; the parts of a row have the numbers ``row * MOST_ISLANDS`` and on.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.types import Doubles, Integers, Records
from tandemsim.sim.engine.records import make_record
from tandemsim.sim.serving.priced import Prices
from tandemsim.sim.serving.profile import Plan

NOBODY = -1
MOST_CORES = 256  # assumed: what the state has room for, as the next two
MOST_ISLANDS = 64
MOST_NETWORKS = 1024
_ROWS = MOST_CORES + 1  # one more while a unit that has ended may go on with its team
_PARTS = _ROWS * MOST_ISLANDS
_FLOAT = np.dtype(np.float64)


class Phase(enum.IntEnum):
    """What a row does."""

    NOTHING = 0  # it is free
    TEAM = 1  # waits until its team is formed
    READY = 2  # its layer begins now
    LAYER = 3


class Use(enum.IntEnum):
    """What core-seconds went to; the unit of the sums is a picosecond of one core."""

    GRANTED = 0
    IDLE = 1
    TEAM = 2


class Work(enum.IntEnum):
    """What the core-seconds of layers would have been without stalls."""

    COMPUTE = 0  # on one core
    EFFICIENCY = 1  # what a team takes beyond that: uneven chunks, the start of the region


class Meter(enum.IntEnum):
    """The counters of the DRAM."""

    NOW = 0  # utilization
    WINDOW = 1  # its integral over the counter's present millisecond
    READ = 2  # what the policy reads: the mean of the last whole millisecond
    ALL = 3  # its integral over the run


STATE = make_record(
    now=(),  # picoseconds
    # Queries, in the order of their arrival.
    arrived=(),
    begun=(),  # of those served in that order, the first that no row has had
    unstarted=(),  # those that have arrived, and that no row has had
    finished=(),
    late=(),
    warm_up=(),  # the first ones, whose lateness is not counted
    allowed=(),  # late ones at which the run stops
    # The line of queries that have run before, by their arrival; and of each network, where the search for
    # its first unstarted query begins.
    waiting=(),
    line_query=(MOST_CORES + MOST_NETWORKS,),
    line_layer=(MOST_CORES + MOST_NETWORKS,),  # the next to run
    line_held=(MOST_CORES + MOST_NETWORKS,),  # cores that it held last
    oldest=(MOST_NETWORKS,),
    # Rows.
    rows=(),  # none past this one is in use
    running=(),
    short=(),  # rows with fewer cores than they wanted
    ended=(),  # the row whose unit has just ended; its query may go on with the same team
    query=(_ROWS,),
    network=(_ROWS,),
    layer=(_ROWS,),  # the one that runs
    end=(_ROWS,),  # the first one after the unit
    cores=(_ROWS,),
    wanted=(_ROWS,),  # cores that the policy asked for
    version=(_ROWS,),
    phase=(_ROWS,),
    parts=(_ROWS,),  # islands that the team lies on
    attached=(_ROWS,),  # 1: its layer's data are in L3
    stale=(_ROWS,),  # 1: what it misses has changed
    since=(_ROWS,),  # picoseconds; its core-seconds are counted up to here
    counted=(_FLOAT, _ROWS),  # what of the layer was left then
    resume=(_FLOAT, _ROWS),  # what is left of the layer once the team is formed
    solo=(_FLOAT, _ROWS),  # picoseconds of the layer on this team, alone and with its data in L3
    single=(_FLOAT, _ROWS),  # and on one core
    resident=(_FLOAT, _ROWS),  # share of its weights that it found in L3
    # What each row asks of the DRAM: `sim.cpu.contention.Flows`.
    left=(_FLOAT, _ROWS),
    slope=(_FLOAT, _ROWS),
    relief=(_FLOAT, _ROWS),
    moved=(_FLOAT, _ROWS),
    pull=(_FLOAT, _ROWS),
    pace=(_FLOAT, _ROWS),
    # Parts.
    part_island=(_PARTS,),
    part_cores=(_PARTS,),
    part_size=(_PARTS,),  # of the survival curve
    speed=(_FLOAT, _PARTS),  # bytes a picosecond between L3 and cores
    survives=(_FLOAT, _PARTS),  # share of these bytes that is evicted, or not used again
    kept=(_FLOAT, _PARTS),  # bytes of weights that it found here
    inserts=(_FLOAT, _PARTS),  # bytes that the whole layer inserts here
    mark=(_FLOAT, _PARTS),  # what was left of the layer when that was counted last
    # Islands.
    free=(),  # cores
    island_free=(MOST_ISLANDS,),
    held=(MOST_ISLANDS,),  # 1: the unit that has just ended was here
    count=(MOST_ISLANDS,),  # parts with data in L3
    tenant=(MOST_CORES,),  # these parts; those of an island begin at its first core
    changed=(MOST_ISLANDS,),  # 1: its eviction age has to be found anew
    inserted=(_FLOAT, MOST_ISLANDS),  # bytes so far
    tenant_version=(MOST_CORES,),  # room to collect the tenants of one island
    tenant_size=(MOST_CORES,),
    tenant_speed=(_FLOAT, MOST_CORES),
    # What is counted.
    meter=(_FLOAT, len(Meter)),
    sample=(),  # picoseconds: end of the counter's present window
    use=(len(Use),),
    work=(_FLOAT, len(Work)),
    grants=(),
    conflicts=(),  # grants of fewer cores than were wanted
    lost=(),  # the sum of (wanted - granted) / wanted of these, in millionths
    grown=(),
    # The recorded window.
    record_from=(),  # picoseconds
    record_to=(),  # 0: nothing is recorded
    slices=(),
    slice_cores=(),
    owner=(MOST_CORES,),  # the row that holds each core
)


class Machine(NamedTuple):
    """The machine's numbers, in picoseconds and bytes."""

    cores: int
    islands: int
    island_cores: int
    scattered: int  # 1: `Placement.SCATTERED`
    team: int
    join: int
    gap: float  # mean time between queries
    l3_bytes: float  # of an island
    bandwidth: float  # bytes a picosecond
    stall: float  # kappa * sigma: time of a core for a byte from an idle DRAM
    queueing: float


class Fact(enum.IntEnum):
    """Columns of `Truth.facts`."""

    SLICED = 0  # 1: each island reads the weights of its own output channels; 0: each reads all
    PAST_L2 = 1  # bytes
    WEIGHTS = 2  # bytes


class Traffic(enum.IntEnum):
    """Columns of `Truth.traffic`, in bytes."""

    WEIGHTS = 0  # from DRAM, if nothing of them is in L3
    OTHERS = 1  # from the L3 of other islands


class Alone(enum.IntEnum):
    """Columns of `Truth.alone`: of a tenant alone on an island."""

    SURVIVES = 0  # the share of its bytes that is evicted, or not used again
    MOVED = 1  # bytes that it has moved when its data fill the island


class Truth(NamedTuple):
    """What layers really take; policies do not see it."""

    shipped: Integers  # [layers] the version that runs where a policy has no choice
    facts: Doubles  # [versions, Fact]
    solo: Doubles  # [versions, cores + 1] picoseconds
    traffic: Doubles  # [versions, islands + 1, Traffic]
    survival: Doubles  # of `NetworkTables`
    occupied_bytes: Doubles
    alone: Doubles  # [versions, team sizes, Alone]


class Demands(NamedTuple):
    """What is asked of the machine."""

    unit_seconds: Doubles  # [queries]
    network: Integers  # [queries]
    latency: Integers  # [queries] picoseconds from arrival to end; -1: not ended
    targets: Doubles  # [networks] picoseconds


class Slice(enum.IntEnum):
    """Columns of a recorded slice."""

    START = 0  # picoseconds
    END = 1
    QUERY = 2
    NETWORK = 3
    LAYER = 4
    VERSION = 5
    PHASE = 6
    STALL = 7  # picoseconds of it
    CORES = 8  # how many
    FIRST_CORE = 9  # where these begin in `Tally.slice_cores`


class Tally(NamedTuple):
    """What is counted in tables."""

    blocks: Integers  # [longest network + 1] units by their number of layers
    versions: Integers  # [versions] layers that ran it
    slices: Integers  # [slices, Slice]
    slice_cores: Integers  # cores of all slices, one slice after the other


class World(NamedTuple):
    """All of it."""

    state: Records
    machine: Machine
    truth: Truth
    uses: Doubles  # [layers, islands, `residency.LastUse`]
    plan: Plan
    prices: Prices
    demands: Demands
    tally: Tally
