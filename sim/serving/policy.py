"""Policies: how a service hands out cores, as one frozen object with its free parameters.

All policies share one loop (`sim.serving.loop`): a waiting query gets a unit, some of its layers on a fixed
team of cores, and no core is taken from a unit that runs. They differ in how long a unit is, in the time that
it may take, and in which version of a layer runs.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple

from tandemsim.sim.arch.checks import Rules


class Unit(enum.IntEnum):
    """What a query gets cores for at once."""

    MODEL = 0  # all layers that are left
    LAYERS = 1  # so many layers
    ADAPTIVE = 2  # VELTAIR's blocks: layers are merged while they need more cores than the load leaves each
    TEMPORAL = 3  # one layer on all cores, of the query whose turn it is
    PRICED = 4  # by dynamic programming, with a price on time


class Budget(enum.IntEnum):
    """How much time a unit may take: its share of the model's work times ..."""

    FIXED = 0  # margin * target
    SLACK = 1  # the time left until arrival + margin * target, over the share of what is left


class Share(enum.IntEnum):
    """How the work of a model is shared out among its layers."""

    TIME = 0  # by their time alone on eight cores
    MACS = 1  # by their multiply-accumulates, as VELTAIR's artifact does


class Rule(NamedTuple):
    """A policy as the kernels see it."""

    unit: int
    block: int
    budget: int
    share: int
    spare: int
    versions: int
    margin: float
    shrink: float
    quantum: int
    knows_teams: int
    longest: int
    least_efficiency: float
    most_price: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One policy. Variants by `dataclasses.replace`; `POLICIES` has those with a name."""

    name: str
    unit: Unit
    block: int = 1  # layers, of `Unit.LAYERS`
    budget: Budget = Budget.FIXED
    margin: float = 0.8  # of the target, for which it plans; each policy has a best one for each mix
    share: Share = Share.TIME
    spare: bool = False  # the only query in line takes more cores than it needs, while they help
    versions: bool = False  # picks a version of each layer by the interference that the counters show
    # A query that wants c cores waits while fewer than shrink * c are free; else it takes what is free.
    shrink: float = 0.0
    quantum: int = 1  # cores are granted in steps of it; 8 in VELTAIR's artifact
    knows_teams: bool = True  # the plan counts what it costs to re-form a team
    longest: int = 5  # layers that blocks of equal demand, or of one price, have at most
    least_efficiency: float = 0.6  # assumed: of the cores that a spare grant takes
    most_price: float = 20.0  # assumed: cores, to which spare cores raise the price of time

    def __post_init__(self) -> None:
        with Rules() as rules:
            rules.require(self.block >= 1, "Policy.block must be a positive integer", self.block)
            rules.require(0 < self.margin <= 1, "Policy.margin must be above 0 and at most 1", self.margin)
            rules.require(0 <= self.shrink <= 1, "Policy.shrink must lie in 0...1", self.shrink)
            rules.require(self.quantum >= 1, "Policy.quantum must be a positive integer", self.quantum)
            rules.require(self.longest >= 1, "Policy.longest must be a positive integer", self.longest)
            rules.require(
                0 <= self.least_efficiency <= 1,
                "Policy.least_efficiency must lie in 0...1",
                self.least_efficiency,
            )
            rules.require(self.most_price > 0, "Policy.most_price must be positive", self.most_price)

    @property
    def rule(self) -> Rule:
        """This policy as the kernels see it."""
        return Rule(
            unit=int(self.unit),
            block=self.block,
            budget=int(self.budget),
            share=int(self.share),
            spare=int(self.spare),
            versions=int(self.versions),
            margin=float(self.margin),
            shrink=float(self.shrink),
            quantum=self.quantum,
            knows_teams=int(self.knows_teams),
            longest=self.longest,
            least_efficiency=float(self.least_efficiency),
            most_price=float(self.most_price),
        )


_NAMED = (
    Policy(name="model_wise", unit=Unit.MODEL, shrink=1.0),
    Policy(name="layer_wise", unit=Unit.LAYERS),
    Policy(name="fixed_blocks", unit=Unit.LAYERS, block=10),
    Policy(name="adaptive_blocks", unit=Unit.ADAPTIVE, budget=Budget.SLACK, spare=True),
    Policy(name="adaptive_compilation", unit=Unit.LAYERS, versions=True),
    Policy(name="veltair", unit=Unit.ADAPTIVE, budget=Budget.SLACK, spare=True, versions=True),
    Policy(name="prema", unit=Unit.TEMPORAL, shrink=1.0),
    Policy(name="planaria", unit=Unit.LAYERS, budget=Budget.SLACK, spare=True),
    Policy(name="planaria_versions", unit=Unit.LAYERS, budget=Budget.SLACK, spare=True, versions=True),
    Policy(name="priced", unit=Unit.PRICED, spare=True),
    Policy(name="priced_versions", unit=Unit.PRICED, spare=True, versions=True),
)
POLICIES = {policy.name: policy for policy in _NAMED}
