"""Operand widths of a run: what ``--bits`` names, and what a run has without it.

4, 6 and 8 are the widths of both operands of every product with weights, and so is a block format, such as
``mxfp4``. ``trace`` takes those that the trace
states for its tensors; ``ant``, ``bitfusion`` and ``olaccel`` are lists of ANT's artifact, layer by layer, of
the trace's network or of one that is named, ``ant:bert-cola``. The other accelerators of its evaluation have
one width for all layers. Attention has no weights; its operands are as wide as the array takes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tandemsim.sim.ant.block_sums import check_blocks
from tandemsim.sim.ant.layers import Bits
from tandemsim.sim.ant.lowering import ATTENTIONS, PRODUCTS
from tandemsim.sim.arch.ant.bit_lists import NETWORKS, all_bits, of_products
from tandemsim.sim.arch.ant.config import AntArray
from tandemsim.sim.arch.ant.widths import NIBBLE
from tandemsim.sim.arch.blocks import BLOCK_FORMATS, BlockFormat
from tandemsim.sim.arch.checks import ConfigError, nearest, shown
from tandemsim.sim.arch.codes import CodeFormat, Kind, code_format
from tandemsim.traces.schema import Op, Quant, Trace

PLAIN = ("4", "6", "8")
STATED = "trace"
LISTS = ("ant", "bitfusion", "olaccel")
NAMES = (*PLAIN, *BLOCK_FORMATS, STATED, *LISTS)
# The network of a trace's model, where it is not called as the lists call it; and its first task, of several.
MODELS = {"vit-b16": "vit", "bert-base-128": "bert-mnli"}


def chosen(trace: Trace, name: str | None, defaults: Sequence[str]) -> str:
    """Return the name of a run's widths: what was asked for, or the first default that the trace has.

    Raises `ConfigError` for a name that does not exist.
    """
    if name is None:
        return next(each for each in defaults if _has(trace, each))
    if name.partition(":")[0] not in (NAMES if ":" not in name else LISTS):
        raise ConfigError(nearest("list of bits", name, NAMES))
    return name


def widths(trace: Trace, ops: Sequence[Op], array: AntArray, name: str) -> Mapping[int, Bits]:
    """Return the widths of every product and attention of `ops` by id; `name` is one that is `chosen`.

    Raises `ConfigError` for a list of other products, for a trace that states no widths, and for operands
    that no PE takes.
    """
    listed = dict(zip(_products(trace), _listed(trace, name), strict=True)) if _is_list(name) else {}
    found: dict[int, Bits] = {}
    for op in ops:
        try:
            if op.kind in ATTENTIONS:
                found[op.id] = _alike(array, array.widest)
            elif op.kind in PRODUCTS:
                found[op.id] = _of_product(trace, op, array, name, listed)
        except ConfigError as error:
            raise ConfigError(f"op {op.name!r}: {error}") from None
    return found


def _of_product(trace: Trace, op: Op, array: AntArray, name: str, listed: Mapping[int, int]) -> Bits:
    if name == STATED:
        return _stated(trace, op, array)
    if name in BLOCK_FORMATS:
        return _in_blocks(array, BLOCK_FORMATS[name], BLOCK_FORMATS[name])
    return _alike(array, listed[op.id] if listed else int(name))


def _alike(array: AntArray, bits: int) -> Bits:
    each = array.operands(bits)
    return Bits(bits, bits, (each, each))


def _products(trace: Trace) -> list[int]:
    return [op.id for op in trace.ops if op.kind in PRODUCTS]


def _is_list(name: str) -> bool:
    return name.partition(":")[0] in LISTS


def _has(trace: Trace, name: str) -> bool:
    """Return whether a trace has the widths of a name."""
    if _is_list(name):
        network = MODELS.get(trace.source.model, trace.source.model)
        return network in NETWORKS and of_products(name, network, len(_products(trace))) is not None
    if name != STATED:
        return True
    products = [op for op in trace.ops if op.kind in PRODUCTS]
    return bool(products) and all(None not in _quants(trace, op) for op in products)


def _listed(trace: Trace, name: str) -> tuple[int, ...]:
    """Return what a list says of the products of a trace."""
    listed, named, network = name.partition(":")
    network = network if named else MODELS.get(trace.source.model, trace.source.model)
    if network not in NETWORKS:
        if named:
            raise ConfigError(nearest("network of ANT's evaluation", network, NETWORKS))
        known = ", ".join({**dict.fromkeys(n for n in NETWORKS if "-" not in n and n != "vit"), **MODELS})
        other = f"{listed}:NETWORK takes the list of another"
        rule = f"--bits {name} has lists for {known}, not for {trace.source.model!r}"
        raise ConfigError(f"{rule}; {other}")
    count = len(_products(trace))
    bits = of_products(listed, network, count)
    if bits is None:
        listed_count = len(all_bits(listed, network))
        rule = f"--bits {name} lists the {listed_count} layers of {network} with weights"
        raise ConfigError(f"{rule}, and the trace has {count} products")
    return bits


def _quants(trace: Trace, op: Op) -> tuple[Quant | None, Quant | None]:
    tensors = trace.tensor_map()
    activation, weight = (tensors[number].quant for number in op.inputs[:2])
    return activation, weight


def _stated(trace: Trace, op: Op, array: AntArray) -> Bits:
    """Return the widths that a trace states for the operands of a product."""
    quants = []
    for tensor, quant in zip(op.inputs[:2], _quants(trace, op), strict=True):
        if quant is None:
            name = trace.tensor_map()[tensor].name
            rule = "--bits trace takes the widths that the trace states for both operands"
            raise ConfigError(f"{rule}, and it states none for tensor {shown(name) if name else tensor}")
        quants.append(quant)
    blocks = [BLOCK_FORMATS[quant.type] for quant in quants if quant.type in BLOCK_FORMATS]
    if len(blocks) == 1:
        left, above = (quant.type for quant in quants)
        raise ConfigError(f"both operands must be in blocks where one is, not {left} and {above}")
    if blocks:
        return _in_blocks(array, *blocks)
    (activation, left_operands), (weight, above_operands) = (
        (quant.bits, _operands(array, _format(quant))) for quant in quants
    )
    return Bits(activation, weight, (left_operands, above_operands))


def _in_blocks(array: AntArray, activation: BlockFormat, weight: BlockFormat) -> Bits:
    """Return the widths of operands in blocks. Raises `ConfigError` where the array has no taps for them."""
    elements = activation.element, weight.element
    operands = _operands(array, elements[0]), _operands(array, elements[1])
    check_blocks(array, activation, weight)
    return Bits(elements[0].bits, elements[1].bits, operands, (activation.name, weight.name))


def _format(quant: Quant) -> CodeFormat:
    """Return the number format of an element."""
    bits = str(quant.bits) if quant.type in (Kind.INT, Kind.POT, Kind.FLINT) else ""
    return code_format(f"{quant.type}{bits}{'' if quant.signed else 'u'}")


def _operands(array: AntArray, form: CodeFormat) -> int:
    """Return how many operands of a PE an element is; the decoders must know what is not an integer."""
    if form.kind is Kind.INT:
        return array.operands(form.bits)
    if array.pe_bits != NIBBLE:
        raise ConfigError(f"PEs of {array.pe_bits} bits must have integers, not {form.name}")
    if form.name not in array.formats:
        known = ", ".join(array.formats)
        raise ConfigError(f"array.formats must name {form.name}, which an operand has, beside {known}")
    return array.operands_of(form)
