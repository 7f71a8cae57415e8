"""The trace of an ONNX model: its file, its inputs, the walk over its graph."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import onnx
from onnx import ModelProto

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.traces.schema import Source, Trace
from tandemsim.workloads.onnx import (
    attention,
    control,
    convolution,
    elementwise,
    matrix,
    microsoft_attention,
    quantized,
    rearranging,
    recurrent,
    reductions,
    spectral,
)
from tandemsim.workloads.onnx.files import nodes_of, opset_of, read
from tandemsim.workloads.onnx.graph import Walk
from tandemsim.workloads.onnx.inputs import Shape, input_values
from tandemsim.workloads.onnx.recorder import Recorder
from tandemsim.workloads.onnx.table import check_known

EXPORTER = "workloads.onnx"
VERSION = "2"  # raised whenever the same file gives another trace

#: The modules that fill the table of operators.
FAMILIES = (
    *(attention, control, convolution, elementwise, matrix, microsoft_attention),
    *(quantized, rearranging, recurrent, reductions, spectral),
)


def import_file(path: Path, inputs: Iterable[tuple[str, Shape]] = ()) -> Trace:
    """Return the trace of an ONNX file. `inputs` are shapes by name, for axes that the file leaves open.

    Raises `ConfigError` for a file, an input or an operator that does not become a trace.
    """
    try:
        return import_model(read(path), path.stem, path.name, path.parent, inputs)
    except ConfigError as error:
        text = str(error)
        raise ConfigError(text if text.startswith(f"{path}: ") else f"{path}: {text}") from None


def import_model(
    model: ModelProto,
    name: str,
    origin: str = "",
    folder: Path = Path(),
    inputs: Iterable[tuple[str, Shape]] = (),
) -> Trace:
    """Return the trace of a model that is in memory. External data are looked for in `folder`.

    What the trace does not say is in the configuration of its source, as `not_modeled`.
    """
    check_known(nodes_of(model.graph))
    values = input_values(model.graph, inputs)
    opsets = {
        ("" if entry.domain == "ai.onnx" else entry.domain): entry.version for entry in model.opset_import
    }
    recorder = Recorder()
    for value in values.values():
        recorder.add_input(value)
    outputs = Walk(recorder, opsets, model.ir_version, folder).graph(model.graph, values)
    stated = {key: f"{'x'.join(map(str, value.shape))}:{value.dtype}" for key, value in values.items()}
    source = Source(
        model=name,
        configuration={"inputs": stated, "opset": opset_of(model), **recorder.notes.configuration()},
        exporter=f"{EXPORTER}, onnx {onnx.__version__}",
        exporter_version=VERSION,
        origin=origin,
    )
    return recorder.trace(source, outputs)
