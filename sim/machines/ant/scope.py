"""What ANT runs of a trace, and why it leaves out the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tandemsim.sim.ant.lowering import PRODUCTS
from tandemsim.sim.arch.ant.config import AntConfig, Overflow
from tandemsim.sim.arch.ant.widths import foot_terms
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.codes import FORMATS
from tandemsim.traces.schema import Op


def reason(op: Op, config: AntConfig) -> str | None:
    """Return why an op does not run; None for one that does.

    Sums are bounded for 8-bit operands, the worst that a run can choose.
    """
    if op.kind not in PRODUCTS or config.array.overflow is not Overflow.REFUSE:
        return None
    k = op.dim("k") if op.kind != "conv2d" else _kernel(op)
    limit = foot_terms(FORMATS["int8u"], FORMATS["int8"], config.array.foot_width)
    if k > limit:
        held = f"array.foot_width={config.array.foot_width}, which holds {limit}"
        return f"sums of {k} products may exceed {held}; --set array.overflow=saturate"
    return None


def _kernel(op: Op) -> int:
    return op.dim("in_channels") // op.dim("groups") * op.dim("kernel_h") * op.dim("kernel_w")


def selected(ops: Sequence[Op], config: AntConfig) -> tuple[list[Op], Mapping[int, str]]:
    """Return those of `ops` that run, and by id why the others do not. Raises `ConfigError` if none runs."""
    reasons = {op.id: why for op in ops if (why := reason(op, config)) is not None}
    running = [op for op in ops if op.id not in reasons]
    if not running:
        raise ConfigError(f"ant runs none of the trace's {len(ops)} ops: {next(iter(reasons.values()))}")
    return running, reasons
