"""SCALE-Sim topologies: CSV to trace, and back.

Two layouts, told by the header: ``Layer, M, N, K,`` and ``Layer name, IFMAP Height, IFMAP Width, Filter
Height, Filter Width, Channels, Num Filter, Strides,`` (scalesim-project/scale-sim-v2, README and
topologies/). Blank rows and further columns are ignored, layer names become op names, the batch is 1, an
element is one byte (SCALE-Sim has no types). SCALE-Sim pads no convolution and yields ceil((H - R + stride) /
stride) rows, one more than usual where the stride does not divide; so the trace pads at the bottom and at the
right until the output is that large.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from traces.errors import TraceError, printable, violation
from traces.kinds import MAX_DIM, conv_output, macs
from traces.order import of_op
from traces.schema import Op, Role, Source, Tensor, Trace
from traces.validate import seal

GEMM_HEADER = ("Layer", "M", "N", "K")
CONV_HEADER = (
    *("Layer name", "IFMAP Height", "IFMAP Width", "Filter Height", "Filter Width"),
    *("Channels", "Num Filter", "Strides"),
)
DTYPE = "int8"  # SCALE-Sim counts words, of one byte each
EXPORTER = "traces.scalesim"
VERSION = "1"  # of this conversion; raised when its result changes

Row = tuple[str | int, ...]


def from_csv(text: str, model: str) -> Trace:
    """Return the trace of a topology; its layers are independent ops. Raises `TraceError` with the row."""
    try:
        numbered = enumerate(csv.reader(io.StringIO(text)), 1)
        rows = [(number, row) for number, row in numbered if any(map(str.strip, row))]
    except csv.Error as error:
        raise TraceError(f"is not valid CSV: {error}") from None
    if not rows:
        raise TraceError("must hold a header and layers, and is empty")
    columns = _columns(rows[0][1])
    if len(rows) == 1:
        raise TraceError("must hold layers, and has a header only")
    tensors: list[Tensor] = []
    ops: list[Op] = []
    for number, row in rows[1:]:
        try:
            _append(tensors, ops, *_layer(columns, row))
        except TraceError as error:
            raise error.located(op=f"row {number}") from None
    source = Source(model=model, configuration={"batch": 1}, exporter=EXPORTER, exporter_version=VERSION)
    return seal(source=source, tensors=tensors, ops=ops)


def to_csv(trace: Trace) -> tuple[str, list[str]]:
    """Return the topology of a trace's gemm and conv2d ops, and a line on each op that has no place in it.

    With any convolution among them, each gemm becomes a convolution of 1 × 1 on an image of M × 1. A batch
    becomes one row for each of its items, unless they share the weight: then M is the longer for it.
    """
    obstacles = [(op, _obstacle(op)) for op in trace.ops]
    ops = [op for op, obstacle in obstacles if not obstacle]
    as_conv = any(op.kind == "conv2d" for op in ops)
    tensors = trace.tensor_map()
    rows: list[Row] = [CONV_HEADER if as_conv else GEMM_HEADER]
    for op in ops:
        rows += _conv_rows(op) if op.kind == "conv2d" else _gemm_rows(op, tensors[op.inputs[1]], as_conv)
    out = io.StringIO()
    # Every line ends in a comma, as in SCALE-Sim's own files: it drops the last column.
    csv.writer(out, lineterminator="\n").writerows((*row, "") for row in rows)
    return out.getvalue(), [f"{of_op(op)} ({op.kind}): {reason}" for op, reason in obstacles if reason]


def _columns(cells: Sequence[str]) -> dict[str, int]:
    """Return where the header puts each column, by this module's name of it."""
    found = [cell.strip().lower() for cell in cells]
    if {"m", "n", "k"} <= set(found):
        return {GEMM_HEADER[0]: 0, **{name: found.index(name.lower()) for name in GEMM_HEADER[1:]}}
    # "Num Filter" is also written "Num Filters", "Strides" also "Stride": each word must occur.
    wanted = [name.lower().rstrip("s").split() for name in CONV_HEADER[1:]]
    named = [all(word in cell for word in words) for words, cell in zip(wanted, found[1:], strict=False)]
    if len(named) == len(wanted) and all(named):
        return {name: place for place, name in enumerate(CONV_HEADER)}
    expected = " or ".join(repr(", ".join(header)) for header in (GEMM_HEADER, CONV_HEADER))
    raise violation("header", f"must be {expected}", ", ".join(cells))


def _layer(columns: Mapping[str, int], row: Sequence[str]) -> tuple[str, str, dict[str, int]]:
    """Return (name, kind, dims) of a row."""
    cells = {name: row[place].strip() if place < len(row) else "" for name, place in columns.items()}
    title, *names = columns
    sizes = [_size(name, cells[name]) for name in names]
    if len(columns) == len(GEMM_HEADER):
        return cells[title], "gemm", dict(zip("mnk", sizes, strict=True))
    order = ("height", "width", "kernel_h", "kernel_w", "in_channels", "out_channels", "stride_h")
    dims = {"batch": 1, **dict(zip(order, sizes, strict=True)), "stride_w": sizes[-1]}
    dims["pad_bottom"] = _pad("Filter Height", dims["height"], dims["kernel_h"], sizes[-1])
    dims["pad_right"] = _pad("Filter Width", dims["width"], dims["kernel_w"], sizes[-1])
    return cells[title], "conv2d", dims


def _size(column: str, cell: str) -> int:
    digits = cell.lstrip("0")
    if not (cell.isascii() and cell.isdigit() and 0 < len(digits) <= len(str(MAX_DIM))):
        raise violation(column, "must be a positive integer below 2**31", cell)
    return int(digits)


def _output(size: int, kernel: int, stride: int) -> int:
    """Return SCALE-Sim's output size, ceil((size - kernel + stride) / stride)."""
    return -(-(size - kernel + stride) // stride)


def _pad(column: str, size: int, kernel: int, stride: int) -> int:
    """Return the padding behind an image side that makes the usual output size SCALE-Sim's."""
    output = _output(size, kernel, stride)
    if output < 1:
        raise violation(column, f"must be below the image's {size} + the stride's {stride}", kernel)
    return (output - 1) * stride + kernel - size


def _append(tensors: list[Tensor], ops: list[Op], name: str, kind: str, dims: dict[str, int]) -> None:
    """Append an op with tensors of its own."""
    count = macs(kind, dims, {})
    first = len(tensors)
    roles: tuple[Role, ...] = ("input", "weight", "output")
    for role, shape in zip(roles, _shapes(kind, dims), strict=True):
        tensors.append(Tensor(id=len(tensors), shape=shape, dtype=DTYPE, role=role))
    operands: dict[str, Any] = {"inputs": (first, first + 1), "outputs": (first + 2,)}
    ops.append(Op(id=len(ops), kind=kind, name=name, dims={**dims}, macs=count, **operands))


def _shapes(kind: str, dims: Mapping[str, int]) -> tuple[tuple[int, ...], ...]:
    if kind == "gemm":
        m, n, k = dims["m"], dims["n"], dims["k"]
        return (m, k), (k, n), (m, n)
    channels, filters = dims["in_channels"], dims["out_channels"]
    image, kernel = (dims["height"], dims["width"]), (dims["kernel_h"], dims["kernel_w"])
    return (1, channels, *image), (filters, channels, *kernel), (1, filters, *conv_output(dims))


def _obstacle(op: Op) -> str:
    """Say what of an op SCALE-Sim cannot express; nothing if it can."""
    if op.kind == "gemm":
        return ""
    if op.kind != "conv2d":
        return "SCALE-Sim knows gemm and conv2d alone"
    if op.dim("groups") > 1:
        return "SCALE-Sim knows no groups"
    if op.dim("dilation_h") > 1 or op.dim("dilation_w") > 1:
        return "SCALE-Sim knows no dilation"
    return "" if op.dim("stride_h") == op.dim("stride_w") else "SCALE-Sim knows one stride for both sides"


def _gemm_rows(op: Op, weight: Tensor, as_conv: bool) -> list[Row]:
    batch, m, n, k = (op.dim(name) for name in ("batch", "m", "n", "k"))
    if weight.elements == k * n:
        batch, m = 1, batch * m
    sizes = (m, 1, 1, 1, k, n, 1) if as_conv else (m, n, k)
    return [(name, *sizes) for name in _names(op.name, batch)]


def _conv_rows(op: Op) -> list[Row]:
    sides = zip(("height", "width"), ("kernel_h", "kernel_w"), conv_output(op.dims), strict=True)
    stride = op.dim("stride_h")
    image = []
    for side, kernel, output in sides:
        size, taps = op.dim(side), op.dim(kernel)
        # SCALE-Sim pads nothing: an image that it would make less of is written with the padding in it.
        image.append(size if _output(size, taps, stride) == output else (output - 1) * stride + taps)
    channels = (op.dim("kernel_h"), op.dim("kernel_w"), op.dim("in_channels"), op.dim("out_channels"))
    return [(name, *image, *channels, stride) for name in _names(op.name, op.dim("batch"))]


def _names(name: str, batch: int) -> list[str]:
    name = printable(name)
    return [name] if batch == 1 else [f"{name}[{item}]" for item in range(batch)]
