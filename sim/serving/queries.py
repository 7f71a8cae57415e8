"""Queries: when each arrives and which network it asks for, drawn once; a load scales the time.

Two policies, or two loads, see the same sequence of networks and the same gaps but for one factor (common
random numbers), so that their difference is theirs and not the sample's.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tandemsim.sim.arch.checks import ConfigError, UserError, require, shown
from tandemsim.sim.arch.types import Doubles, Integers

HEADER = ("seconds", "network")


@dataclass(frozen=True, slots=True, eq=False)
class Queries:
    """A sequence of queries. At a load of q queries a second, query i arrives at `unit_seconds[i] / q`."""

    unit_seconds: Doubles  # [queries] rising from 0 or more
    network: Integers  # [queries] number of the network

    @property
    def count(self) -> int:
        return len(self.network)


def poisson(shares: Sequence[float], count: int, seed: int) -> Queries:
    """Draw `count` queries with exponential gaps; query by query a network by `shares`, whose sum is 1."""
    rng = np.random.default_rng(seed)
    _check_count(count)
    network = _networks(shares, rng.random(count))
    return Queries(np.cumsum(rng.exponential(1.0, count)), network)


def bursty(
    shares: Sequence[float],
    count: int,
    seed: int,
    *,
    ratio: float = 4.0,
    calm: float = 0.9,
    burst: float = 100.0,
) -> Queries:
    """Draw `count` queries that alternate between calm and bursts (a Markov-modulated Poisson process).

    In a burst the rate is `ratio` times that of the calm. `calm` is the share of the time that is calm, and
    `burst` the mean number of queries in a burst. The mean rate is 1.
    """
    require(ratio >= 1, "the ratio of bursty arrivals must be at least 1", ratio)
    require(0 < calm < 1, "the calm share of bursty arrivals must lie between 0 and 1", calm)
    require(burst >= 1, "the queries of a burst must be at least 1", burst)
    rng = np.random.default_rng(seed)
    _check_count(count)
    network = _networks(shares, rng.random(count))
    slow = 1 / (calm + (1 - calm) * ratio)
    rates = slow, slow * ratio
    in_burst = burst / rates[1]
    lengths = in_burst * calm / (1 - calm), in_burst
    # Where time is stretched so that the rate is 1, gaps are exponential; from there they are mapped back.
    stretched = np.cumsum(rng.exponential(1.0, count))
    return Queries(_unstretched(stretched, rates, lengths, rng), network)


def _unstretched(
    stretched: Doubles, rates: tuple[float, float], lengths: tuple[float, float], rng: np.random.Generator
) -> Doubles:
    """Return the times at which the integral of the alternating rate reaches each of `stretched`."""
    times, areas = [0.0], [0.0]
    while areas[-1] < stretched[-1]:
        for rate, length in zip(rates, lengths, strict=True):
            stay = rng.exponential(length)
            times.append(times[-1] + stay)
            areas.append(areas[-1] + stay * rate)
    return np.interp(stretched, areas, times)


def replayed(path: Path, names: Sequence[str]) -> tuple[Queries, float]:
    """Read queries from a CSV file with the header ``seconds,network``; return them and their mean load.

    Times are seconds from any origin and may not fall. Raises `UserError`, one line with the file, the line
    and the field, where something else is found.
    """
    seconds: list[float] = []
    networks: list[int] = []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.reader(file, strict=True)
            for row in rows:
                place = f"{path}, line {rows.line_num}"
                if rows.line_num == 1:
                    _check_header(row, place)
                elif row:
                    seconds.append(_time(row, place, seconds[-1] if seconds else -math.inf))
                    networks.append(_network(row, place, names))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not a CSV file in UTF-8: {error}") from error
    if len(seconds) < 2 or seconds[-1] == seconds[0]:
        raise UserError(f"{path}: a load needs two queries at different times, not {len(seconds)}")
    times = np.array(seconds) - seconds[0]
    load = (len(times) - 1) / float(times[-1])
    return Queries(times * load, np.array(networks, np.int64)), load


def _check_header(row: list[str], place: str) -> None:
    if tuple(field.strip() for field in row) != HEADER:
        raise UserError(f"{place}: the header must be {','.join(HEADER)}, not {shown(','.join(row))}")


def _time(row: list[str], place: str, before: float) -> float:
    if len(row) != len(HEADER):
        raise UserError(f"{place}: a query has the fields {' and '.join(HEADER)}, not {len(row)} fields")
    try:
        time = float(row[0])
    except ValueError:
        time = math.nan
    if not math.isfinite(time):
        raise UserError(f"{place}, field seconds: must be a finite number, not {shown(row[0])}")
    if time < before:
        raise UserError(f"{place}, field seconds: may not fall, from {before} to {time}")
    return time


def _network(row: list[str], place: str, names: Sequence[str]) -> int:
    name = row[1].strip()
    if name not in names:
        raise UserError(f"{place}, field network: must be one of {', '.join(names)}, not {shown(name)}")
    return list(names).index(name)


def _networks(shares: Sequence[float], uniform: Doubles) -> Integers:
    if not shares or min(shares) < 0 or not math.isclose(sum(shares), 1):
        raise ConfigError(
            f"the shares of the networks must be 0 or more with a sum of 1, not {shown(shares)}"
        )
    edges = np.cumsum(shares)[:-1]
    return np.searchsorted(edges, uniform, side="right").astype(np.int64)


def _check_count(count: int) -> None:
    require(count >= 1, "the number of queries must be a positive integer", count)
