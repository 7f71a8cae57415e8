"""The table of a quantized model: a row a tensor, as text, as Parquet and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tandemsim.sim.quantize.tensors import Quantized, decibels
from tandemsim.sim.report.format import si
from tandemsim.sim.report.layout import table
from tandemsim.sim.shell.version import __version__
from tandemsim.workloads.quantize.model import Model
from tandemsim.workloads.quantize.quantizing import QuantizedLayer

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA = "tandem-quantization/1"
HEADS = ("layer", "tensor", "shape", "format", "bits", "stored", "MSE", "SQNR")


def rows(layers: Sequence[QuantizedLayer]) -> list[dict[str, Any]]:
    """Return the rows as plain values; `sqnr_db` is None without an error."""
    return [
        {
            "layer": each.layer.name,
            "tensor": role,
            "shape": list(found.values.shape),
            "format": found.form.name,
            "bits": found.bits,
            "signed": found.element.signed,
            "stored_bits": found.stored_bits,
            "escalated": each.escalated,
            "mse": found.mse,
            "sqnr_db": found.sqnr_db if math.isfinite(found.sqnr_db) else None,
        }
        for each in layers
        for role, found in each.tensors
    ]


def as_text(model: Model, layers: Sequence[QuantizedLayer], width: int = 110) -> str:
    """Return the table for the terminal, with a line for all weights and one for what stays as it is."""
    cells = [list(HEADS)]
    cells += [_cells(each.layer.name, role, found) for each in layers for role, found in each.tensors]
    lines = [f"{model.name}: {counted(len(layers), 'layer')}", *table(cells, "<<<<>>>>", width)]
    return "\n".join([*lines, "", *_totals(model, layers)]) + "\n"


def _cells(layer: str, role: str, found: Quantized) -> list[str]:
    shape = "×".join(map(str, found.values.shape))
    return [layer, role, shape, found.form.name, *_numbers(found)]


def _numbers(found: Quantized) -> list[str]:
    return [str(found.bits), f"{found.stored_bits:.3f}", f"{found.mse:.3e}", in_decibels(found.sqnr_db)]


def counted(number: int, noun: str) -> str:
    """Return ``1 layer``, ``2 layers``."""
    return f"{number} {noun}{'s' * (number != 1)}"


def in_decibels(value: float) -> str:
    """Return a ratio as people read it; a tensor without an error is exact."""
    return f"{value:.2f} dB" if math.isfinite(value) else "exact"


def _totals(model: Model, layers: Sequence[QuantizedLayer]) -> Iterator[str]:
    weights = [each.weight for each in layers]
    elements = sum(weight.values.size for weight in weights)
    noise = sum(weight.mse * weight.values.size for weight in weights)
    power = sum(weight.power * weight.values.size for weight in weights)
    bits = sum(weight.stored_bits * weight.values.size for weight in weights)
    yield (
        f"all weights: {si(elements, 'elements')}, {bits / elements:.3f} bits each with scales,"
        f" MSE {noise / elements:.3e}, SQNR {in_decibels(decibels(power, noise))}"
    )
    escalated = [each.layer.name for each in layers if each.escalated]
    if escalated:
        yield f"8 bits: {', '.join(escalated)}"
    if model.left:
        yield f"left as they are: {counted(len(model.left), 'tensor')}"
    yield from model.notes


def as_json(model: Model, layers: Sequence[QuantizedLayer], stated: Mapping[str, Any]) -> bytes:
    """Return the document: the rule, and a row a tensor."""
    document = {
        "schema": SCHEMA,
        "version": __version__,
        "model": model.name,
        "rule": dict(stated),
        "notes": list(model.notes),
        "left": list(model.left),
        "tensors": rows(layers),
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def as_table(model: Model, layers: Sequence[QuantizedLayer]) -> pa.Table:
    """Return the rows as a table of Arrow."""
    import pyarrow as pa

    found = rows(layers)
    columns = {name: [row[name] for row in found] for name in found[0]}
    types = {"shape": pa.list_(pa.int64()), "sqnr_db": pa.float64()}
    arrays = {name: pa.array(values, types.get(name)) for name, values in columns.items()}
    return pa.table(arrays).replace_schema_metadata({"model": model.name, "version": __version__})
