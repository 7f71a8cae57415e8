"""The units of ANT's circuit, from a decoder to the whole matrix engine."""

from __future__ import annotations

from tandemsim.rtl.ant.array import SystolicArray
from tandemsim.rtl.ant.block_foot import BlockFoot
from tandemsim.rtl.ant.controller import GemmController
from tandemsim.rtl.ant.decoder import OperandDecoder
from tandemsim.rtl.ant.encoder import CodeEncoder
from tandemsim.rtl.ant.foot import Foot
from tandemsim.rtl.ant.gemm import AntGemm
from tandemsim.rtl.ant.pe import OutputPE, WeightPE
from tandemsim.rtl.ant.tap import Tap
from tandemsim.rtl.lib.units import Units
from tandemsim.sim.arch.ant.config import AntConfig

WHOLE = ("systolic_array", "gemm")  # these hold all PEs
SECONDS_PER_PE = 0.004  # measured: `python -m rtl.build ant/gemm`, of CPU, for 4,096 PEs


def seconds(unit: str, config: AntConfig) -> float:
    """Return roughly how long a unit takes to write."""
    return config.array.pes * SECONDS_PER_PE if unit in WHOLE else 0.0


UNITS = Units(
    kinds=(
        OperandDecoder,
        CodeEncoder,
        WeightPE,
        OutputPE,
        Foot,
        Tap,
        BlockFoot,
        GemmController,
        SystolicArray,
        AntGemm,
    ),
    said={},
    seconds=seconds,
)
