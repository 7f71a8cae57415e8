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

TAPPED = ("tap", "block_foot")  # units of arrays that have taps
WHOLE = ("systolic_array", "gemm")  # these hold all PEs
# Measured, of CPU: `python -m rtl.build ant/gemm` for 4,096 PEs; ant/foot with accumulators of 256 KiB.
SECONDS_PER_PE, SECONDS_PER_BIT = 0.009, 3e-6


def seconds(unit: str, config: AntConfig) -> float:
    """Return roughly how long a unit takes to write."""
    # Memories are written word by word, accumulators and the staging buffer.
    rows = config.accumulator_rows if unit in (*WHOLE, "foot") else 0
    words = config.staging_words if unit == "gemm" else 0
    bits = (rows + words) * config.array.cols * config.array.foot_width
    return bits * SECONDS_PER_BIT + (config.array.pes * SECONDS_PER_PE if unit in WHOLE else 0.0)


def missing(unit: str, config: AntConfig) -> str:
    """Return why a config does not have a unit; "" where it does."""
    if unit in TAPPED and not config.array.taps:
        return f"array.taps must name a block format for {unit}, not {config.array.taps!r}"
    return ""


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
    missing=missing,
)
