"""Networks as tables: every layer of some traces, and its code versions, numbered through."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from tandemsim.sim.arch.cpu.config import CpuConfig
from tandemsim.sim.cpu.layers import layers_of
from tandemsim.sim.cpu.shapes import Shape
from tandemsim.sim.cpu.tables import NetworkTables
from tandemsim.sim.cpu.tiles import version_name
from tandemsim.sim.cpu.versions import versions_of
from tandemsim.traces.schema import Trace


def network_tables(
    traces: Sequence[Trace], config: CpuConfig, *, batch: int = 1, versions: int | None = None
) -> NetworkTables:
    """Return the tables of some networks on a CPU.

    versions: that each layer has at most; None: `config.versions`.
    """
    networks = [[layer.shape for layer in layers_of(trace, trace.ops, batch).layers] for trace in traces]
    return shape_tables(networks, config, versions)


def layer_names(trace: Trace) -> list[str]:
    """Return the names of a trace's layers, those of the ops that others ride on, as in the tables."""
    return [layer.op.name for layer in layers_of(trace, trace.ops).layers]


def version_names(trace: Trace, config: CpuConfig, *, versions: int | None = None) -> list[str]:
    """Return how each version of a trace's layers cuts its loops, in the order of the tables."""
    most = config.versions if versions is None else versions
    names = []
    for layer in layers_of(trace, trace.ops).layers:
        kept = versions_of(layer.shape, config, most).tilings
        names += [version_name(layer.shape, kept, row) for row in range(len(kept.chunks))]
    return names


def shape_tables(
    networks: Sequence[Sequence[Shape]], config: CpuConfig, versions: int | None = None
) -> NetworkTables:
    """Return the tables of networks whose layers are stated."""
    shapes = [shape for network in networks for shape in network]
    most = config.versions if versions is None else versions
    found = [versions_of(shape, config, most) for shape in shapes]
    first = np.array([0, *accumulate(len(each.start_seconds) for each in found)], np.int64)
    return NetworkTables(
        first_layer=np.array([0, *accumulate(map(len, networks))], np.int64),
        macs=np.array([shape.macs for shape in shapes]),
        input_bytes=np.array([shape.input_bytes for shape in shapes]),
        weight_bytes=np.array([shape.weight_bytes for shape in shapes]),
        output_bytes=np.array([shape.output_bytes for shape in shapes]),
        first_version=first,
        shipped=first[:-1] + np.array([each.shipped for each in found], np.int64),
        chunks=np.concatenate([each.tilings.chunks for each in found]),
        start_seconds=np.concatenate([each.start_seconds for each in found]),
        thread_seconds=np.concatenate([each.thread_seconds for each in found]),
        chunk_seconds=np.concatenate([each.chunk_seconds for each in found]),
        past_l2_bytes=np.concatenate([each.tilings.past_l2_bytes for each in found]),
        weights_once=np.concatenate([each.tilings.weights_once for each in found]).astype(np.int64),
        survival=np.concatenate([each.survival for each in found]),
        occupied_bytes=np.concatenate([each.occupied_bytes for each in found]),
    )
