"""What ANT runs of a trace, and why it leaves out the rest."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from itertools import product

from tandemsim.sim.ant.layers import Bits
from tandemsim.sim.ant.lowering import PRODUCTS
from tandemsim.sim.ant.operand_formats import pair_of
from tandemsim.sim.arch.ant.config import AntArray, AntConfig, Overflow
from tandemsim.sim.arch.ant.widths import foot_terms
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.traces.schema import Op


def reason(op: Op, config: AntConfig, bits: Bits | None = None) -> str | None:
    """Return why an op does not run; None for one that does.

    Sums are bounded for operands of `bits`, in any format that the array has for them; without, for operands
    as narrow as its PEs: what is refused then runs at no width. Sums of blocks take the bound of their
    accumulators, and are counted.
    """
    array = config.array
    if op.kind not in PRODUCTS or array.overflow is not Overflow.REFUSE:
        return None
    if bits is not None and bits.blocks[0]:
        return None
    k = op.dim("k") if op.kind != "conv2d" else _kernel(op)
    limit = longest(array, bits or Bits(array.pe_bits, array.pe_bits, (1, 1)))
    if k > limit:
        held = f"array.foot_width={array.foot_width}, which holds {limit}"
        return f"sums of {k} products may exceed {held}; --set array.overflow=saturate"
    return None


@functools.cache
def longest(array: AntArray, bits: Bits) -> int:
    """Return the largest K whose sums no accumulator at the foot can exceed, whatever formats are chosen."""
    return min(foot_terms(left, above, array.foot_width) for left, above in product(*pair_of(array, bits)))


def _kernel(op: Op) -> int:
    return op.dim("in_channels") // op.dim("groups") * op.dim("kernel_h") * op.dim("kernel_w")


def selected(
    ops: Sequence[Op], config: AntConfig, bits: Mapping[int, Bits], machine: str = "ant"
) -> tuple[list[Op], Mapping[int, str]]:
    """Return those of `ops` that run, and by id why the others do not. Raises `ConfigError` if none runs."""
    reasons = {op.id: why for op in ops if (why := reason(op, config, bits.get(op.id))) is not None}
    running = [op for op in ops if op.id not in reasons]
    if not running:
        raise ConfigError(
            f"{machine} runs none of the trace's {len(ops)} ops: {next(iter(reasons.values()))}"
        )
    return running, reasons
