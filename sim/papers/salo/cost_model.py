"""SALO's published cost model: the closed form that its authors call a cycle-accurate performance model.

Obeys: performance_model/performance_model.py of github.com/sjtu-zhao-lab/SALO at commit 07252a8, the artifact
of SALO (DAC 2022, arXiv 2206.14550). Re-implemented from its formula; no code is taken.

    tile   = head_dim + exp 1 + row sum 1 + wait cols + normalize 1 + head_dim        163 at 64 and 32
    tiles  = ceil(seq_len / rows) * ceil(window / cols) * heads
    cycles = tile * tiles + (tiles - 1) + (cols + global_tokens - 1)

It moves no data, masks nothing and gives the global token no time. A commented-out line leaves out the wait
and the normalization (tile 130): `deferred`. Nothing of ours is used: the two cannot agree by construction.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tandemsim.sim.arch.checks import ConfigError, nearest, require, require_integers

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One attention layer, as the script describes it."""

    name: str
    script: bool  # a row of the authors' script, and not a variant
    seq_len: int
    bands: int  # a 15 x 15 window is 15 bands of 15 keys
    band_keys: int
    hidden: int
    heads: int
    source: str

    def __post_init__(self) -> None:
        require_integers(self, 1, "seq_len", "bands", "band_keys", "hidden", "heads")
        require(
            self.hidden % self.heads == 0,
            f"Workload.hidden must be a multiple of heads ({self.heads})",
            self.hidden,
        )

    @property
    def window(self) -> int:
        """Keys that each query attends to."""
        return self.bands * self.band_keys

    @property
    def head_dim(self) -> int:
        """Size of a head."""
        return self.hidden // self.heads


@dataclass(frozen=True, slots=True, kw_only=True)
class CostModel:
    """The script, with the parameters that it holds fixed."""

    rows: int = 32  # script, pe_rows
    cols: int = 32  # script, pe_cols
    global_tokens: int = 1  # script, pe_glbs
    clock_hz: int = 1_000_000_000  # script, freq=1; the synthesis is at 500 MHz
    deferred: bool = False  # the commented-out alternative
    one_band_a_pass: bool = False  # not in the script: what its wiring allows, where it assumes packed bands

    def __post_init__(self) -> None:
        require_integers(self, 1, "rows", "cols", "clock_hz")
        require_integers(self, 0, "global_tokens")

    def tile_cycles(self, head_dim: int) -> int:
        """Cycles of one tile: QK, exponential, row sum, wait, normalization, PV."""
        between = 2 if self.deferred else 2 + self.cols + 1
        return head_dim + between + head_dim

    def passes(self, workload: Workload) -> int:
        """Column passes over one block of queries."""
        if self.one_band_a_pass:
            return workload.bands * math.ceil(workload.band_keys / self.cols)
        return math.ceil(workload.window / self.cols)

    def tiles(self, workload: Workload) -> int:
        """Tiles of the whole layer."""
        return math.ceil(workload.seq_len / self.rows) * self.passes(workload) * workload.heads

    def cycles(self, workload: Workload) -> int:
        """Cycles of the layer: tiles, a flush between two of them, and the drain of the last."""
        tiles = self.tiles(workload)
        drain = self.cols + self.global_tokens - 1
        return self.tile_cycles(workload.head_dim) * tiles + (tiles - 1) + drain

    def seconds(self, workload: Workload) -> float:
        """Latency at `clock_hz`."""
        return self.cycles(workload) / self.clock_hz

    def utilization(self, workload: Workload) -> float:
        """What the script prints as utilization; not the share of useful multiply-accumulates.

        It counts multiplications and additions of all five stages (those of the softmax once, not once per
        head), and counts the global row and column as two more keys of every query.
        """
        keys = workload.window + 2 * self.global_tokens
        matrix = 2 * workload.hidden  # QK, and again PV: a multiplication and an addition each
        softmax = 2 + 1 + 1  # exponential, row sum, normalization
        operations = workload.seq_len * keys * (2 * matrix + softmax)
        pes = self.rows * self.cols + self.global_tokens * self.rows + self.cols
        return operations / (2 * pes * self.cycles(workload))


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One figure of the authors, and where they state it."""

    figure: str
    value: float
    unit: str
    source: str


def workload(name: str) -> Workload:
    """Return a workload by name; `ConfigError` names the nearest otherwise."""
    if name not in WORKLOADS:
        raise ConfigError(nearest("SALO workload", name, WORKLOADS))
    return WORKLOADS[name]


def published(figure: str) -> Published:
    """Return a published figure by name; `ConfigError` names the nearest otherwise."""
    if figure not in PUBLISHED:
        raise ConfigError(nearest("published figure of SALO", figure, PUBLISHED))
    return PUBLISHED[figure]


def _rows(name: str) -> Iterator[dict[str, str]]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return csv.DictReader(line for line in lines if not line.startswith("#"))


WORKLOADS = {
    row["name"]: Workload(
        name=row["name"],
        script=row["script"] == "yes",
        seq_len=int(row["seq_len"]),
        bands=int(row["bands"]),
        band_keys=int(row["band_keys"]),
        hidden=int(row["hidden"]),
        heads=int(row["heads"]),
        source=row["source"],
    )
    for row in _rows("salo_workloads.csv")
}
PUBLISHED = {
    row["figure"]: Published(
        figure=row["figure"], value=float(row["value"]), unit=row["unit"], source=row["source"]
    )
    for row in _rows("salo_published.csv")
}
