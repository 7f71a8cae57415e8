"""The state of a served machine, as the kernels hold it: everything that travels through the event loop.

A row is a unit that runs: some layers of one query on a fixed team. A part is what of a team lies on one island.
Parts have numbers, row * islands + a count.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from tandemsim.sim.arch.types import Doubles, Integers, Records
from tandemsim.sim.cpu.contention import Curves, Flows
from tandemsim.sim.cpu.residency import Clocks
from tandemsim.sim.cpu.tables import NetworkTables
from tandemsim.sim.engine.records import make_record
from tandemsim.sim.serving.priced import Prices
from tandemsim.sim.serving.profile import Plan

NOBODY = -1


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
    COMPUTE = 3  # what one core alone would have taken
    EFFICIENCY = 4  # beyond that, what a team takes: uneven chunks, the start of the region


class Running(NamedTuple):
    """The units that run."""

    query: Integers  # [rows] all of these
    network: Integers
    layer: Integers  # the one that runs
    end: Integers  # the first layer after the unit
    cores: Integers
    wanted: Integers  # cores that the policy asked for
    version: Integers
    phase: Integers  # `Phase`
    parts: Integers  # islands that the team lies on
    attached: Integers  # 1: its layer's data are in L3
    stale: Integers  # 1: what it misses has changed
    since: Integers  # picoseconds; up to here its core-seconds are counted
    counted: Doubles  # what of the layer was left then
    resume: Doubles  # what is left of the layer once the team is formed
    solo: Doubles  # picoseconds of the layer on this team alone with its data in L3
    single: Doubles  # and on one core
    resident: Doubles  # share of its weights that it found in L3


class Parts(NamedTuple):
    """The parts of teams on islands, [rows * islands]."""

    island: Integers
    cores: Integers
    size: Integers  # of the survival curve
    speed: Doubles  # bytes a picosecond between L3 and cores
    survives: Doubles  # share of these bytes that is evicted, or not used again
    kept: Doubles  # bytes of weights that it found here
    inserted: Doubles  # bytes that the whole layer inserts here
    mark: Doubles  # what was left of the layer when that was counted last


class Islands(NamedTuple):
    """The islands of L3."""

    free: Integers  # [islands] cores
    held: Integers  # [islands] 1: the team that is being formed anew was here
    count: Integers  # [islands] parts with data in it
    tenant: Integers  # [islands, cores of an island] these parts
    changed: Integers  # [islands] 1: its eviction age has to be found anew
    versions: Integers  # [cores of an island] room to collect its tenants
    sizes: Integers
    speeds: Doubles
    alone: Doubles  # [versions, team sizes] `Parts.survives` of a tenant alone on an island


class Line(NamedTuple):
    """Who waits for cores: queries that have run before, in the order of their arrival, then those that have not."""

    query: Integers  # [cores + networks + 1] of the former
    layer: Integers  # the next to run
    held: Integers  # cores that it held last
    oldest: Integers  # [networks] of the latter, a query that none of the network's waiting ones came before


class Demands(NamedTuple):
    """What is asked of the machine."""

    unit_seconds: Doubles  # [queries]
    network: Integers  # [queries]
    latency: Integers  # [queries] picoseconds from arrival to end; -1: not ended
    targets: Doubles  # [networks] picoseconds


class Truth(NamedTuple):
    """The machine's numbers in picoseconds and bytes; policies do not see them."""

    gap: float  # mean picoseconds between queries
    l3_bytes: float  # of an island
    bandwidth: float  # bytes a picosecond
    stall: float  # kappa * sigma: picoseconds of a core for a byte from an idle DRAM
    queueing: float
    team: int
    join: int
    scattered: int  # `Placement`
    cores: int


class Tally(NamedTuple):
    """What is counted."""

    use: Integers  # [Use]: GRANTED, IDLE and TEAM exactly
    work: Doubles  # [Use]: COMPUTE and EFFICIENCY
    blocks: Integers  # [longest model + 1] units by their number of layers
    versions: Integers  # [versions] layers that ran it
    meter: Doubles  # [Meter]


class Meter(enum.IntEnum):
    """The counters of the DRAM."""

    NOW = 0  # utilization
    WINDOW = 1  # its integral over the counter's present millisecond
    READ = 2  # what the policy reads: the mean of the last whole millisecond
    ALL = 3  # its integral over the run


class Slices(NamedTuple):
    """What ran when, within a window of time."""

    table: Integers  # [slices, Slice]
    cores: Integers  # cores of all slices, one after the other
    owner: Integers  # [cores] the row that holds it


class Slice(enum.IntEnum):
    """Columns of `Slices.table`."""

    START = 0  # picoseconds
    END = 1
    QUERY = 2
    NETWORK = 3
    LAYER = 4
    VERSION = 5
    PHASE = 6
    STALL = 7  # picoseconds of it
    CORES = 8  # how many
    FIRST_CORE = 9  # where these begin in `Slices.cores`


STATE = make_record(
    now=(),  # picoseconds
    arrived=(),  # queries
    begun=(),  # of queries served in the order of their arrival, the first that no row has had
    waiting=(),  # queries in `Line.query`
    unstarted=(),
    rows=(),  # no row past this one is in use
    running=(),
    free=(),  # cores
    short=(),  # rows with fewer cores than they wanted
    ended=(),  # the row whose unit has just ended; its query may go on with the same team
    sample=(),  # picoseconds: end of the counter's present window
    finished=(),
    late=(),
    warm_up=(),  # the first queries, whose lateness is not counted
    allowed=(),  # late queries at which the run stops
    grants=(),
    conflicts=(),  # grants of fewer cores than were wanted
    lost=(),  # the sum of (wanted - granted) / wanted of these, in millionths
    grown=(),
    slices=(),
    slice_cores=(),
    record_from=(),
    record_to=(),
)


class World(NamedTuple):
    """All of it."""

    state: Records
    tables: NetworkTables
    curves: Curves
    truth: Truth
    plan: Plan
    prices: Prices
    demands: Demands
    running: Running
    parts: Parts
    flows: Flows
    islands: Islands
    clock: Clocks
    line: Line
    tally: Tally
    slices: Slices
