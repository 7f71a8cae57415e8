"""The units of the ANT array: circuit, model, and random inputs for both."""

from __future__ import annotations

from tandemsim.rtl.ant import block_foot as rtl_block_foot
from tandemsim.rtl.ant import controller as rtl_controller
from tandemsim.rtl.ant import decoder as rtl_decoder
from tandemsim.rtl.ant import encoder as rtl_encoder
from tandemsim.rtl.ant import foot as rtl_foot
from tandemsim.rtl.ant import pe as rtl_pe
from tandemsim.rtl.ant import tap as rtl_tap
from tandemsim.sim.ant import block_foot, controller, decoder, encoder, foot, pe, tap
from tandemsim.sim.arch.ant.config import AntConfig
from tests.rtl.ant import stimuli
from tests.rtl.unit import Unit

UNITS: dict[str, Unit] = {
    "operand_decoder": Unit(
        rtl_decoder.OperandDecoder, decoder.OperandDecoder, stimuli.operand_decoder, lambda _: 0
    ),
    "code_encoder": Unit(rtl_encoder.CodeEncoder, encoder.CodeEncoder, stimuli.code_encoder, lambda _: 0),
    "weight_pe": Unit(rtl_pe.WeightPE, pe.WeightPE, stimuli.weight_pe, lambda _: 1),
    "output_pe": Unit(rtl_pe.OutputPE, pe.OutputPE, stimuli.output_pe, lambda _: 1, at_once=("moves",)),
    "foot": Unit(rtl_foot.Foot, foot.Foot, stimuli.foot, lambda _: 1),
    "gemm_controller": Unit(
        rtl_controller.GemmController, controller.GemmController, stimuli.gemm_controller, lambda _: 0
    ),
}
TAPPED: dict[str, Unit] = {
    "tap": Unit(rtl_tap.Tap, tap.Tap, stimuli.tap, lambda _: 1),
    "block_foot": Unit(rtl_block_foot.BlockFoot, block_foot.BlockFoot, stimuli.block_foot, lambda _: 1),
}


def units_of(config: AntConfig) -> dict[str, Unit]:
    """Return the units that an array has."""
    return UNITS | TAPPED if config.array.taps else UNITS
