"""SCALE-Sim topologies: CSV to trace, and back.

Two layouts, recognized by the header (`traces.topology_columns`): ``Layer, M, N, K,`` and ``Layer name, IFMAP
Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,``
(scalesim-project/scale-sim-v2, README and topologies/). Blank rows are ignored, rows that hold only a title
are skipped, layer names become op names, an element is one byte (SCALE-Sim has no types). A convolution with
DP in its name is depthwise, as in SCALE-Sim: each channel is convolved separately, with all the filters. A
batch of a convolution shares its filters; a batch of a GEMM is a batched product, with a weight per item.
SCALE-Sim pads no convolution and yields ceil((H - R + stride) / stride) rows, one more than usual where the
stride does not divide; so the trace pads at the bottom and at the right until the output is that large.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tandemsim.sim.arch.checks import printable
from tandemsim.traces.convolution import conv_output
from tandemsim.traces.errors import TraceError, listed, violation
from tandemsim.traces.kind import MAX_DIM
from tandemsim.traces.kinds import macs
from tandemsim.traces.schema import Op, Role, Source, Tensor, Trace
from tandemsim.traces.topology_columns import CONV_HEADER, GEMM_HEADER, STRIDES, Columns, read_header
from tandemsim.traces.validate import seal

DTYPE = "int8"  # SCALE-Sim counts words, of one byte each
EXPORTER = "traces.scalesim"
VERSION = "2"  # of this conversion; raised when its result changes
DEPTHWISE = "DP"  # scalesim/topology_utils.py, load_arrays_conv
MAX_LAYERS = 2**14  # assumed: of a topology; SCALE-Sim's own have some hundred

EMPTY = "must hold a header and layers, and is empty"

Row = tuple[str | int, ...]


def from_csv(text: str, model: str) -> tuple[Trace, list[str]]:
    """Return the trace of a topology, and one line for each thing in it that a trace cannot hold.

    Its layers are independent ops. Raises `TraceError` with the row.
    """
    rows = _rows(text)
    titles: list[str] = []
    unnamed: list[str] = []
    header = next((cells for _, cells in rows if not _is_title(cells, titles)), None)
    if header is None:
        raise TraceError("must hold a header and layers, and has neither" if titles else EMPTY)
    columns = read_header(header)
    tensors: list[Tensor] = []
    ops: list[Op] = []
    for number, row in rows:
        if _is_title(row, titles):
            continue
        if len(ops) == MAX_LAYERS:
            raise TraceError(f"must hold at most {MAX_LAYERS} layers, and holds more")
        try:
            _append(tensors, ops, *_layer(columns, row, unnamed))
        except TraceError as error:
            raise error.located(op=f"row {number}") from None
    if not ops:
        raise TraceError("must hold layers, and has a header only")
    source = Source(model=model, configuration={}, exporter=EXPORTER, exporter_version=VERSION)
    said = _said(titles, columns, unnamed, [op.name for op in ops if "groups" in op.dims])
    return seal(source=source, tensors=tensors, ops=ops), list(said)


def to_csv(trace: Trace) -> tuple[str, list[str]]:
    """Return the topology of a trace's gemm and conv2d ops, and a line on each kind of op that it leaves out.

    With any convolution among them, each gemm becomes a convolution of 1 × 1 on an image of M × 1. A batch
    becomes one row per item, unless all items share the weight: then M grows by the batch. Where the strides
    of a convolution differ, all rows have both.
    """
    reasons = {op.id: _obstacle(op) for op in trace.ops}
    ops = [op for op in trace.ops if not reasons[op.id]]
    as_conv = any(op.kind == "conv2d" for op in ops)
    tensors = trace.tensor_map()
    two = any(op.kind == "conv2d" and op.dim("stride_h") != op.dim("stride_w") for op in ops)
    header: Row = (*CONV_HEADER[:-1], *STRIDES) if two else CONV_HEADER
    rows: list[Row] = [header if as_conv else GEMM_HEADER]
    for op in ops:
        lines = _conv_rows(op) if op.kind == "conv2d" else _gemm_rows(op, tensors[op.inputs[1]], as_conv)
        rows += (row if two or not as_conv else row[:-1] for row in lines)
    out = io.StringIO()
    # Every line ends in a comma, as in SCALE-Sim's own files: it drops the last column.
    csv.writer(out, lineterminator="\n").writerows((*row, "") for row in rows)
    left_out = Counter((op.kind, reasons[op.id]) for op in trace.ops if reasons[op.id])
    return out.getvalue(), [f"{count} {kind}: {reason}" for (kind, reason), count in left_out.items()]


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, with their numbers."""
    reader = csv.reader(io.StringIO(text))
    try:
        for number, row in enumerate(reader, 1):
            if any(map(str.strip, row)):
                yield number, row
    except csv.Error:  # a cell of more than its limit, or a line end in the middle of a row
        raise TraceError("is not a table of comma-separated values", op=f"line {reader.line_num}") from None


def _is_title(cells: Sequence[str], titles: list[str]) -> bool:
    """Tell whether a row has a name and nothing else, and note it."""
    if not cells[0].strip() or any(map(str.strip, cells[1:])):
        return False
    titles.append(cells[0].strip())
    return True


def _said(
    titles: Sequence[str], columns: Columns, unnamed: Sequence[str], depthwise: Sequence[str]
) -> Iterator[str]:
    """Say what the trace leaves out of a topology, or reads in another way than it looks."""
    if depthwise:
        yield f"read as depthwise, by the {DEPTHWISE} in the name, {len(depthwise)}: {listed(depthwise)}"
    if titles:
        yield f"skipped rows of a title alone, {len(titles)}: {listed(titles)}"
    if unnamed:
        yield f"ignored cells of a column without a name, {len(unnamed)}: {listed(unnamed)}"
    if columns.ignored:
        yield f"ignored columns: {listed(columns.ignored)}"


def _layer(columns: Columns, row: Sequence[str], unnamed: list[str]) -> tuple[str, str, dict[str, int]]:
    """Return (name, kind, dims) of a row; note in `unnamed` a further cell whose column has no name."""
    sizes = {name: _size(name, _cell(row, place)) for name, place in columns.places.items()}
    batch = _cell(row, columns.batch) if columns.batch is not None else ""
    extra = _unnamed(columns, row)
    if extra and not extra.isdigit():
        unnamed.append(extra)
    elif extra and columns.kind == "conv2d":
        sizes["Stride Width"] = _size("Stride Width", extra)
    elif extra:
        batch = batch or extra
    count = _size("Batch", batch) if batch else 1
    name = row[0].strip()
    if columns.kind == "gemm":
        return name, "gemm", {"batch": count, **{key: sizes[key.upper()] for key in "mnk"}}
    dims = {"batch": count, "in_channels": sizes["Channels"], "out_channels": sizes["Num Filter"]}
    for side, axis, pad in (("Height", "h", "bottom"), ("Width", "w", "right")):
        size, kernel, stride = (sizes[f"{what} {side}"] for what in ("IFMAP", "Filter", "Stride"))
        if kernel > size:
            raise violation(f"Filter {side}", f"must be at most the image's {side.lower()} of {size}", kernel)
        pads = (_output(size, kernel, stride) - 1) * stride + kernel - size
        dims |= {side.lower(): size, f"kernel_{axis}": kernel, f"stride_{axis}": stride, f"pad_{pad}": pads}
    if DEPTHWISE in name:
        dims |= {"groups": dims["in_channels"], "out_channels": dims["in_channels"] * dims["out_channels"]}
    return name, "conv2d", dims


def _unnamed(columns: Columns, row: Sequence[str]) -> str:
    """Return the cell behind the sizes that has no name; SCALE-Sim drops the last cell of each row."""
    place = columns.unnamed
    return _cell(row, place) if place is not None and len(row) > place + 1 else ""


def _cell(row: Sequence[str], place: int) -> str:
    return row[place].strip() if place < len(row) else ""


def _size(column: str, cell: str) -> int:
    digits = cell.lstrip("0")
    if not (cell.isascii() and cell.isdigit() and 0 < len(digits) <= len(str(MAX_DIM))):
        raise violation(column, "must be a positive integer below 2**31", cell)
    return int(digits)


def _output(size: int, kernel: int, stride: int) -> int:
    """Return SCALE-Sim's output size, ceil((size - kernel + stride) / stride)."""
    return -(-(size - kernel + stride) // stride)


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
        items = (dims["batch"],) if dims["batch"] > 1 else ()
        m, n, k = dims["m"], dims["n"], dims["k"]
        return (*items, m, k), (*items, k, n), (*items, m, n)
    channels, filters = dims["in_channels"], dims["out_channels"]
    group = channels // dims.get("groups", 1)
    image, kernel = (dims["height"], dims["width"]), (dims["kernel_h"], dims["kernel_w"])
    batch = dims["batch"]
    return (batch, channels, *image), (filters, group, *kernel), (batch, filters, *conv_output(dims))


def _obstacle(op: Op) -> str:
    """Say why SCALE-Sim cannot express an op; empty if it can."""
    if op.kind == "gemm":
        return ""
    if op.kind != "conv2d":
        return "SCALE-Sim knows gemm and conv2d alone"
    if op.dim("groups") > 1:
        return "SCALE-Sim knows no groups"
    return "SCALE-Sim knows no dilation" if op.dim("dilation_h") > 1 or op.dim("dilation_w") > 1 else ""


def _gemm_rows(op: Op, weight: Tensor, as_conv: bool) -> list[Row]:
    batch, m, n, k = (op.dim(name) for name in ("batch", "m", "n", "k"))
    if weight.elements == k * n:
        batch, m = 1, batch * m
    sizes = (m, 1, 1, 1, k, n, 1, 1) if as_conv else (m, n, k)
    return [(name, *sizes) for name in _names(op.name, batch)]


def _conv_rows(op: Op) -> list[Row]:
    strides = op.dim("stride_h"), op.dim("stride_w")
    kernels = op.dim("kernel_h"), op.dim("kernel_w")
    sides = zip(("height", "width"), kernels, strides, conv_output(op.dims), strict=True)
    image = []
    for side, taps, stride, output in sides:
        size = op.dim(side)
        # SCALE-Sim pads nothing: where its output would be smaller, the image is written with its padding.
        fits = taps <= size and _output(size, taps, stride) == output
        image.append(size if fits else (output - 1) * stride + taps)
    sizes = (*image, *kernels, op.dim("in_channels"), op.dim("out_channels"), *strides)
    return [(name, *sizes) for name in _names(op.name, op.dim("batch"))]


def _names(name: str, batch: int) -> list[str]:
    name = printable(name)
    return [name] if batch == 1 else [f"{name}[{item}]" for item in range(batch)]
