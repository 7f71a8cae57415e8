"""What products load, by the bytes of each tensor: every weight once where it fits, a bias by its columns."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from tandemsim.sim.ant.layers import Product
from tandemsim.sim.ant.loop import Engine, Queue
from tandemsim.sim.ant.simulation import AntRun, simulate
from tandemsim.sim.arch.ant.presets import ANT
from tandemsim.sim.machines.ant.bits import widths
from tandemsim.sim.machines.ant.explain import WORDS
from tandemsim.sim.machines.ant.op_reports import SCRATCHPAD, WRITE_BACK
from tandemsim.sim.machines.ant.waits import causes
from tandemsim.traces.kinds import macs
from tandemsim.traces.schema import Op, Source, Tensor, Trace
from tandemsim.traces.validate import seal

BITS = 4


def trace_of(kind: str, dims: dict[str, Any], shapes: dict[str, tuple[int, ...]], then: Any = None) -> Trace:
    """Return an op with inputs by their roles, and a second one if `then` gives (kind, dims, shapes)."""
    tensors: list[Tensor] = []
    ops: list[Op] = []
    source: int | None = None
    for place, (each, sizes, of) in enumerate([(kind, dims, shapes), *([then] if then else [])]):
        inputs = []
        for name, shape in of.items():
            if name == "input" and source is not None:
                inputs.append(source)
                continue
            passed_on = name == "output" and then and not place
            role = "activation" if passed_on else "weight" if name == "bias" else name
            tensors.append(Tensor(id=len(tensors), shape=shape, dtype="float32", role=role))  # type: ignore[arg-type]
            inputs.append(len(tensors) - 1)
        *operands, source = inputs
        ops.append(
            Op(
                id=place,
                kind=each,
                name=f"op{place}",
                inputs=tuple(operands),
                outputs=(source,),
                dims=sizes,
                macs=macs(each, sizes, {}),
            )  # fmt: skip
        )
    origin = Source(model="one", configuration={}, exporter="tests", exporter_version="1")
    return seal(source=origin, tensors=tensors, ops=ops)


def run(trace: Trace, batch: int = 1) -> AntRun:
    return simulate(trace, trace.ops, ANT, widths(trace, trace.ops, ANT.array, str(BITS)), batch)


def loaded(of: AntRun, queue: Queue, tensor: int) -> int:
    program = of.program
    loads = np.arange(program.queues[queue], program.queues[queue + 1])
    loads = loads[program.transfer_tensor[loads] == tensor]
    return int((program.transfers.rows[loads] * program.transfers.row_bytes[loads]).sum())


@pytest.mark.parametrize("groups", [1, 4, 32])
def test_every_expert_s_weights_are_loaded(groups: int) -> None:
    dims = {"m": 256, "n": 64, "k": 64, "groups": groups}
    shapes = {"input": (256, 64), "weight": (groups, 64, 64), "output": (256, 64)}
    of = run(trace_of("grouped_gemm", dims, shapes))
    assert loaded(of, Queue.WEIGHT, 1) == groups * 64 * 64 * BITS // 8
    (layer,) = (plan.layer for plan in of.program.layers)
    assert isinstance(layer, Product) and layer.m * layer.count == 256


def test_of_fewer_rows_than_experts_some_are_not_loaded() -> None:
    shapes = {"input": (2, 64), "weight": (32, 64, 64), "output": (2, 64)}
    of = run(trace_of("grouped_gemm", {"m": 2, "n": 64, "k": 64, "groups": 32}, shapes))
    assert loaded(of, Queue.WEIGHT, 1) == 2 * 64 * 64 * BITS // 8


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("shared", [True, False])
def test_weights_of_a_batched_product_are_those_of_the_trace(shared: bool, batch: int) -> None:
    weight = (64, 64) if shared else (4, 64, 64)
    shapes = {"input": (4, 128, 64), "weight": weight, "output": (4, 128, 64)}
    of = run(trace_of("gemm", {"batch": 4, "m": 128, "n": 64, "k": 64}, shapes), batch)
    size = int(np.prod(weight)) * BITS // 8
    assert loaded(of, Queue.WEIGHT, 1) == size


@pytest.mark.parametrize("n", [4096, 4104, 8200])
def test_a_bias_is_loaded_once_however_long(n: int) -> None:
    shapes = {"input": (128, 64), "weight": (64, n), "bias": (n,), "output": (128, n)}
    of = run(trace_of("gemm", {"m": 128, "n": n, "k": 64}, shapes))
    assert loaded(of, Queue.ACTIVATION, 2) <= 2 * n * 128 // 64  # at most once for each row of tiles


def test_zeros_between_packed_groups_are_not_loaded() -> None:
    dims = {"batch": 1, "in_channels": 64, "out_channels": 64, "height": 10, "width": 10}
    dims |= {"kernel_h": 3, "kernel_w": 3, "groups": 64}
    shapes = {"input": (1, 64, 10, 10), "weight": (64, 1, 3, 3), "output": (1, 64, 8, 8)}
    of = run(trace_of("conv2d", dims, shapes))
    stored = 64 * 9 * BITS // 8
    assert stored <= loaded(of, Queue.WEIGHT, 1) <= 1.2 * stored


def test_what_follows_grouped_channels_waits_for_the_last_group() -> None:
    image = {"batch": 1, "in_channels": 64, "out_channels": 64, "height": 10, "width": 10}
    first = {**image, "kernel_h": 3, "kernel_w": 3, "groups": 64}
    second = {**image, "height": 8, "width": 8, "kernel_h": 1, "kernel_w": 1}
    shapes = {"input": (1, 64, 10, 10), "weight": (64, 1, 3, 3), "output": (1, 64, 8, 8)}
    after = {"input": (1, 64, 8, 8), "weight": (64, 64, 1, 1), "output": (1, 64, 8, 8)}
    of = run(trace_of("conv2d", first, shapes, ("conv2d", second, after)))
    plan = of.program.layers[0]
    # After each write, which part of the result is there.
    layer, parts = plan.layer, plan.covered or plan.held
    assert isinstance(layer, Product) and layer.count > 1
    before = len(parts) // layer.count * (layer.count - 1)  # writes of all groups but the last
    assert max(parts[:before]) == 0 and parts[-1] == 1


def test_explanations_have_a_word_for_every_stall() -> None:
    assert set(WORDS) == {*causes(Engine), SCRATCHPAD, WRITE_BACK}


def test_sums_take_whole_bytes_of_the_accumulators() -> None:
    for width, size in ((8, 1), (20, 3), (32, 4), (48, 6)):
        assert dataclasses.replace(ANT.array, foot_width=width).sum_bytes == size
