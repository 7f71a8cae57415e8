"""What a trace states of a tensor's number format: type, bits and sign must say one thing."""

from __future__ import annotations

from tandemsim.sim.arch.blocks import BLOCK_FORMATS, BlockFormat
from tandemsim.sim.arch.checks import ConfigError, require, shown
from tandemsim.sim.arch.codes import FORMATS, CodeFormat, Kind, code_format
from tandemsim.traces.schema import Quant, Tensor

FAMILIES = (Kind.INT, Kind.POT, Kind.FLINT)  # types that `bits` complete: `int` of 4 bits is `int4`


def stated_format(tensor: Tensor) -> CodeFormat | BlockFormat | None:
    """Return the format of an element, or of a block, that a tensor states; None where it states nothing.

    Raises `ConfigError`, which names the tensor, for a type that does not exist, and where type, bits and
    sign do not agree.
    """
    if tensor.quant is None:
        return None
    try:
        return _format(tensor.quant)
    except ConfigError as error:
        raise ConfigError(f"{name_of(tensor)}: {error}") from None


def known_format(tensor: Tensor) -> CodeFormat | BlockFormat | None:
    """Return the same, and None also for types and widths of other machines."""
    quant = tensor.quant
    if quant is None:
        return None
    names = {quant.type, _name(quant)} if quant.type not in FAMILIES else {_name(quant)}
    return stated_format(tensor) if names & {*FORMATS, *BLOCK_FORMATS} else None


def name_of(tensor: Tensor) -> str:
    """Return how an error calls a tensor."""
    return f"tensor {tensor.id}" + (f" ({shown(tensor.name)})" if tensor.name else "")


def _format(quant: Quant) -> CodeFormat | BlockFormat:
    if quant.type in BLOCK_FORMATS:
        blocks = BLOCK_FORMATS[quant.type]
        _check(quant, blocks.element)
        return blocks
    form = code_format(_name(quant))
    _check(quant, form)
    return form


def _name(quant: Quant) -> str:
    """Return the name of a format, which says its bits and whether it has a sign."""
    stem = f"{quant.type}{quant.bits}" if quant.type in FAMILIES else quant.type
    return stem if quant.signed or stem.endswith("u") else f"{stem}u"


def _check(quant: Quant, form: CodeFormat) -> None:
    require(
        form.bits == quant.bits, f"quant.bits must be {form.bits}, as quant.type is {quant.type}", quant.bits
    )
    if form.signed != quant.signed:
        sign = "true" if form.signed else "false"
        raise ConfigError(f"quant.signed must be {sign}, as quant.type is {quant.type}")
