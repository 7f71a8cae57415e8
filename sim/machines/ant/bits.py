"""Operand widths of a run: what ``--bits`` names, and what a run has without it.

4, 6 and 8 are the widths of both operands of every product with weights, and so is a block format, such as
``mxfp4``. ``trace`` takes those that the trace states for its tensors, and for one that states none the
preset's; ``ant``, ``bitfusion`` and ``olaccel`` are lists of ANT's artifact, layer by layer, of the trace's
network or of one that is named, ``ant:bert-cola``. The other accelerators of its evaluation have one width
for all layers. Attention has no weights; its operands are as wide as the array takes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tandemsim.sim.ant.layers import Bits
from tandemsim.sim.ant.lowering import ATTENTIONS, PRODUCTS
from tandemsim.sim.arch.ant.bit_lists import NETWORKS, all_bits, of_products
from tandemsim.sim.arch.ant.config import AntArray
from tandemsim.sim.arch.ant.widths import NIBBLE
from tandemsim.sim.arch.blocks import BLOCK_FORMATS
from tandemsim.sim.arch.checks import ConfigError, nearest
from tandemsim.sim.machines.ant.operands import as_stated, in_blocks, of_attention, of_width
from tandemsim.traces.schema import Op, Trace

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


def widths(
    trace: Trace, ops: Sequence[Op], array: AntArray, name: str, rest: int = NIBBLE
) -> Mapping[int, Bits]:
    """Return the widths of every product and attention of `ops` by id; `name` is one that is `chosen`.

    `rest`: bits of an operand for which the trace states none, where `name` is `trace`. Raises `ConfigError`
    for a list of other products, for a trace that states no widths or states two things at once, for operands
    that no PE takes, and for PEs whose sums they could exceed.
    """
    listed = dict(zip(_products(trace), _listed(trace, name), strict=True)) if _is_list(name) else {}
    if name == STATED and not _has(trace, name):
        rule = "--bits trace takes what a trace states of its tensors"
        raise ConfigError(f"{rule}, and {trace.source.model!r} states nothing of an operand of a product")
    tensors = trace.tensor_map()
    found: dict[int, Bits] = {}
    for op in ops:
        try:
            if op.kind in ATTENTIONS:
                count = 6 if op.has_global_projections else 3
                found[op.id] = of_attention(array, [tensors[number] for number in op.inputs[:count]])
            elif op.kind in PRODUCTS:
                sides = tensors[op.inputs[0]], tensors[op.inputs[1]]
                if name == STATED:
                    found[op.id] = as_stated(array, sides, rest)
                elif name in BLOCK_FORMATS:
                    found[op.id] = in_blocks(array, sides, BLOCK_FORMATS[name])
                else:
                    found[op.id] = of_width(array, sides, listed[op.id] if listed else int(name))
        except ConfigError as error:
            raise ConfigError(f"op {op.name!r}: {error}") from None
    return found


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
    tensors, products = trace.tensor_map(), [op for op in trace.ops if op.kind in PRODUCTS]
    return any(tensors[number].quant for op in products for number in op.inputs[:2])


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
