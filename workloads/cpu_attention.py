"""SALO's workloads measured on this machine's CPU: ``python -m workloads.cpu_attention``.

Three ways to compute one layer in float32, batch 1, without projections: scaled_dot_product_attention over
all pairs, the same with a boolean mask of the pattern, and this package's windowed operator, which computes
blocks of queries and the keys in their reach. JSON on stdout; `sim.papers.cpu_baseline` runs it.

Medians of a few repeats on a machine that does other things too: they rank the three ways on this machine
and are not a baseline for an accelerator. A compiled FlexAttention may be faster, but takes a minute to
compile, so it is not run.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from tandemsim.sim.arch.checks import UserError, nearest, require_integers
from tandemsim.sim.shell.command_line import USER_FAULT, Parser, tell_fault
from tandemsim.traces.pattern import Pattern
from tandemsim.workloads.attention import window_attention

SPEAKER = "workloads"  # begins the line that says what is wrong
HEAD_DIM = 64  # of all three workloads


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One attention layer: its pattern and number of heads."""

    pattern: Pattern
    heads: int

    def __post_init__(self) -> None:
        require_integers(self, 1, "heads")

    def tensors(self, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return q, k and v of N(0, 1), shape (1, heads, seq_len, head_dim)."""
        generator = torch.Generator().manual_seed(seed)
        shape = (1, self.heads, self.pattern.seq_len, HEAD_DIM)
        q, k, v = (torch.randn(shape, generator=generator) for _ in range(3))
        return q, k, v


# The models behind the names of `sim.papers.salo.cost_model`: Longformer-base-4096, and stages 1 and 2 of
# ViL-Medium-Wide.
LAYERS = {
    "longformer": Layer(pattern=Pattern.longformer(4096, 512), heads=12),
    "vil-1": Layer(pattern=Pattern.vil(56, 56, 15), heads=3),
    "vil-2": Layer(pattern=Pattern.vil(28, 28, 15), heads=6),
}


def measure(layer: Layer, repeats: int, seed: int = 0) -> dict[str, float]:
    """Return the median milliseconds of each way, and ``max_error``, the largest gap between the last two."""
    q, k, v = layer.tensors(seed)
    pattern = layer.pattern
    mask = torch.from_numpy(pattern.mask(range(pattern.seq_len)))
    stated: dict[str, Any] = {**pattern.attrs(), "grid": pattern.grid}
    ways: dict[str, Callable[[], Tensor]] = {
        "dense": lambda: scaled_dot_product_attention(q, k, v),
        "masked": lambda: scaled_dot_product_attention(q, k, v, attn_mask=mask),
        "window": lambda: window_attention(q, k, v, **stated),
    }
    with torch.inference_mode():
        measured = {name: _median_ms(way, repeats) for name, way in ways.items()}
        measured["max_error"] = float((ways["masked"]() - ways["window"]()).abs().max())
    return measured


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the measurements of the named layers as one JSON document."""
    parser = Parser(
        "python -m workloads.cpu_attention", SPEAKER, description="Time SALO's workloads on this CPU."
    )
    parser.add_argument("layers", nargs="*", metavar="LAYER", help=f"of {', '.join(LAYERS)}; all by default")
    parser.add_argument("--repeats", type=int, default=3, help="timed runs after one to warm up (3)")
    chosen = parser.parse_args(arguments)
    try:
        document = _document(chosen.layers or list(LAYERS), chosen.repeats)
    except UserError as error:
        tell_fault(SPEAKER, str(error))
        return USER_FAULT
    print(json.dumps(document, indent=2))
    return 0


def _document(names: Sequence[str], repeats: int) -> dict[str, Any]:
    for name in names:
        if name not in LAYERS:
            raise UserError(nearest("layer", name, LAYERS))
    if repeats < 1:
        raise UserError(f"--repeats must be a positive integer, not {repeats}")
    return {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "cpu": _cpu_name(),
        "repeats": repeats,
        "layers": {name: measure(LAYERS[name], repeats) for name in names},
    }


def _median_ms(way: Callable[[], Tensor], repeats: int) -> float:
    way()  # warms up caches and allocator
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        way()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds) * 1e3


def _cpu_name() -> str:
    """Return the processor's name as Linux has it, or what Python knows elsewhere."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
