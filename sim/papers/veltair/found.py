"""What the rows of the comparison are made of: answers of our simulator, whoever gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class Value(NamedTuple):
    """A figure, and half of its 95 % interval where that is known."""

    value: float
    half: float | None = None


class Found(Protocol):
    """Answers. What was not asked is None."""

    def load(self, mix: str, scenario: str, rule: str, policy: str) -> Value | None:
        """Return the highest load of a policy, in queries a second."""

    def gain(self, mix: str, scenario: str, rule: str, policy: str, over: str) -> Value | None:
        """Return how much more a policy carries than another, in percent, by sequence of queries.

        Infinite where the other carries nothing and the policy does.
        """

    def capacity(self, mix: str) -> float | None:
        """Return the queries a second that would keep all cores at one-core work."""

    def margin(self, mix: str, scenario: str, rule: str, policy: str) -> float | None:
        """Return the margin that a policy plans with."""

    def latency_change(self, mix: str, rule: str) -> Value | None:
        """Return the change of the mean latency, in percent, of `veltair` over `layer_wise`.

        Both run at 0.9 of the highest load that `layer_wise` carries with its own margin.
        """

    def core_time(self, mix: str) -> Mapping[str, float] | None:
        """Return what the cores do under `veltair` at its highest load, as shares."""
