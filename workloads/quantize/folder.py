"""All that ``--out`` writes, as one folder that appears complete or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tandemsim.sim.arch.checks import shown
from tandemsim.sim.shell.files import written_folder
from tandemsim.traces.arrays import save_arrays
from tandemsim.traces.codec import save
from tandemsim.workloads.quantize.annotate import annotated
from tandemsim.workloads.quantize.model import Model
from tandemsim.workloads.quantize.quantizing import QuantizedLayer
from tandemsim.workloads.quantize.rows import as_json, as_table, counted

TABLE, DOCUMENT, PICTURE, TRACE = "tensors.parquet", "quantization.json", "histogram.png", "trace.json"
FILES = (TABLE, DOCUMENT, PICTURE, TRACE, "trace.npz")


def write_folder(
    folder: Path, model: Model, layers: Sequence[QuantizedLayer], stated: Mapping[str, Any]
) -> list[str]:
    """Write table, document, trace with its scales, and picture; return lines about what was written."""
    import pyarrow.parquet as pq  # here, because only --out needs these, and they take a second

    from tandemsim.sim.report import plot_style
    from tandemsim.workloads.quantize.picture import histograms

    trace, arrays, missing = annotated(model.trace(), layers, stated)
    with written_folder(folder) as place:
        pq.write_table(as_table(model, layers), place / TABLE)
        (place / DOCUMENT).write_bytes(as_json(model, layers, stated))
        with plot_style.style():
            figure = histograms(model.name, layers)
        (place / PICTURE).write_bytes(plot_style.png(figure))
        save(trace, place / TRACE)
        save_arrays(trace, arrays, place / TRACE)
    lines = [f"{folder}: {', '.join(FILES)}; {len(trace.ops)} ops, digest {trace.digest[:12]}"]
    if missing:
        lines.append(f"not in the trace: {counted(len(missing), 'weight')}, the first {shown(missing[0])}")
    return lines
