"""The configurations of the toy machine."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tandemsim.sim.arch.checks import require_integers
from tandemsim.sim.arch.dram.catalog import MEMORIES
from tandemsim.sim.arch.dram.config import DramConfig
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.family import Family, Preset


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyConfig:
    rows: int = 8
    cols: int = 8
    dram: DramConfig = field(default_factory=lambda: DRAMS["ideal"])
    clock_hz: int = 1_000_000_000

    def __post_init__(self) -> None:
        require_integers(self, 1, "rows", "cols", "clock_hz")

    @property
    def circuit(self) -> ToyConfig:
        """All that the circuit depends on."""
        return replace(self, dram=DRAMS["ideal"], clock_hz=1)

    def check_circuit(self) -> None:
        """Every configuration can be built."""


TOY_FAMILY = Family(
    name="toy",
    line="a toy: GEMM in closed form",
    presets={"toy": Preset(ToyConfig(), "8 x 8"), "toy-wide": Preset(ToyConfig(cols=32), "8 x 32")},
    catalogs={"memory": MEMORIES},
    fixed={"dataflow": "outputs stay in place"},
)
