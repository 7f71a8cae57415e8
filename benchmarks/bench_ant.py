"""ANT: mapper, plans, whole runs; GEMMs beside SCALE-Sim's: ``python -m benchmarks.bench_ant``.

The last table runs the same GEMMs on a systolic array of 8-bit PEs in its simplest schedule, where layer
totals must be equal: SCALE-Sim prints the last cycle and not their number, so one less. It needs the package
``scalesim`` under a Python that ``TANDEM_SCALESIM`` names (with numpy 1), and is left out without. Its time
is that of its process; ours, of the machine with its DRAM.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.bench_run import row, seconds_of, whole

NETWORKS = (("resnet50", "ant"), ("bert-base-128", "4"), ("inceptionv3", "4"))
REPEATS = 5
SIDE = 32  # rows and columns of the array beside SCALE-Sim
GEMMS = ((128, 256, 512), (196, 128, 576), (49, 512, 288))  # m, n, k
TARGET = 1000  # times SCALE-Sim's speed
CONFIG = """[general]
run_name = gemms
[architecture_presets]
ArrayHeight = {side}
ArrayWidth = {side}
IfmapSramSzkB = 256
FilterSramSzkB = 128
OfmapSramSzkB = 128
IfmapOffset = 0
FilterOffset = 10000000
OfmapOffset = 20000000
Dataflow = {dataflow}
Bandwidth = 10
ReadRequestBuffer = 32
WriteRequestBuffer = 32
[layout]
IfmapCustomLayout = False
IfmapSRAMBankBandwidth = 10
IfmapSRAMBankNum = 10
IfmapSRAMBankPort = 2
FilterCustomLayout = False
FilterSRAMBankBandwidth = 10
FilterSRAMBankNum = 10
FilterSRAMBankPort = 2
[sparsity]
SparsitySupport = false
[run_presets]
InterfaceBandwidth = CALC
UseRamulatorTrace = False
"""


def networks() -> None:
    """Print the seconds of mapper, plan and simulation of each network, and the targets."""
    from tandemsim.sim.ant.lowering import RUNS, Lowering
    from tandemsim.sim.ant.mapper import Search
    from tandemsim.sim.ant.program import program
    from tandemsim.sim.ant.simulation import simulate
    from tandemsim.sim.arch.ant.presets import ANT
    from tandemsim.sim.machines.ant.bits import widths
    from tandemsim.traces.codec import find, load

    spent = [0.0]

    def timed(work: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*arguments: object) -> object:
            start = time.perf_counter()
            try:
                return work(*arguments)
            finally:
                spent[0] += time.perf_counter() - start

        return wrapped

    print(f"\n{'seconds, best':38}{'mapper':>8}{'plan':>8}{'run':>8}   targets 0.05, 0.15, 1")
    for name, bits in NETWORKS:
        trace = load(find(name))
        ops = [op for op in trace.ops if op.kind in RUNS]
        of_ops = widths(trace, ops, ANT.array, bits)

        def plan(trace: object = trace, ops: object = ops, of_ops: object = of_ops) -> None:
            lowering = Lowering(trace, ops, of_ops, 1, ANT.array)  # type: ignore[arg-type]
            program(ANT, lowering, lambda *_: None)

        planned = seconds_of(plan)
        made, found = Search.__init__, Search.best
        mapped = []
        try:
            Search.__init__, Search.best = timed(made), timed(found)  # type: ignore[assignment, method-assign]
            for _ in range(REPEATS):
                spent[0] = 0.0
                plan()
                mapped.append(spent[0])
        finally:
            Search.__init__, Search.best = made, found  # type: ignore[method-assign]
        ran = seconds_of(lambda trace=trace, ops=ops, of_ops=of_ops: simulate(trace, ops, ANT, of_ops))
        print(f"{name:38}{min(mapped):8.3f}{planned:8.3f}{ran:8.3f}")


def processes() -> None:
    """Print what whole processes take, kernels compiled."""
    print(f"\n{'a process':38}{'s, best':>8}{'median':>9}{'MiB':>8}   target")
    with tempfile.TemporaryDirectory() as cache:
        for name, _ in NETWORKS[:2]:
            whole("run", name, cache=cache)
            row(f"run {name}", [whole("run", name, cache=cache) for _ in range(REPEATS)], "3 s, 300 MiB")


def beside_scalesim() -> None:
    """Print cycles and seconds of GEMMs here and in SCALE-Sim, and complain where the cycles differ."""
    from tandemsim.sim.ant.mapper import task_cycles
    from tandemsim.sim.arch.ant.config import AntArray, Dataflow, Schedule
    from tandemsim.sim.arch.ant.presets import ANT

    python = os.environ.get("TANDEM_SCALESIM")
    if python is None:
        print("\nSCALE-Sim: not compared; TANDEM_SCALESIM=python names the Python that has it")
        return
    print(
        f"\n{'m x n x k, ' + f'{SIDE} x {SIDE}':38}{'cycles':>12}{'its':>12}{'s':>12}{'its':>8}{'times':>10}"
    )
    for dataflow in (Dataflow.OUTPUT_STATIONARY, Dataflow.WEIGHT_STATIONARY):
        drain = Schedule.DRAIN
        array = AntArray(rows=SIDE, cols=SIDE, dataflow=dataflow, schedule=drain, pe_bits=8)
        config = replace(ANT, array=array)
        start = time.perf_counter()
        theirs = scalesim_cycles(python, dataflow.value)
        their_seconds = time.perf_counter() - start
        ours = [task_cycles(config, m, n, k, (1, 1)).stream for m, n, k in GEMMS]
        our_seconds = seconds_of(lambda config=config: run_gemms(config))
        for (m, n, k), cycles, their_cycles in zip(GEMMS, ours, theirs, strict=True):
            verdict = "" if cycles == their_cycles + 1 else "   NOT EQUAL"
            print(f"{f'{m} x {n} x {k}, {dataflow.value}':38}{cycles:12,}{their_cycles + 1:12,}{verdict}")
        if any(mine != other + 1 for mine, other in zip(ours, theirs, strict=True)):
            raise SystemExit("cycles of a GEMM differ from SCALE-Sim's")
        times = their_seconds / our_seconds
        total = f"all, {dataflow.value}"
        print(f"{total:38}{'':24}{our_seconds:12.5f}{their_seconds:8.2f}{times:10,.0f}   target {TARGET:,}")


def scalesim_cycles(python: str, dataflow: str) -> list[int]:
    """Return what SCALE-Sim, a process of its own, reports of each GEMM."""
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        layers = [f"gemm{place},{m},{n},{k},\n" for place, (m, n, k) in enumerate(GEMMS)]
        (at / "topology.csv").write_text("Layer,M,N,K,\n" + "".join(layers))
        (at / "layout.csv").write_text("Layer,\n" + "".join(f"gemm{place},\n" for place in range(len(GEMMS))))
        (at / "scale.cfg").write_text(CONFIG.format(side=SIDE, dataflow=dataflow))
        names = ("-c", "scale.cfg", "-t", "topology.csv", "-l", "layout.csv", "-p", "out", "-i", "gemm")
        command = [python, "-m", "scalesim.scale", *names]
        done = subprocess.run(command, cwd=at, capture_output=True, text=True, check=False)
        reports = list(at.glob("out/*/COMPUTE_REPORT.csv"))
        if done.returncode or not reports:
            raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr[-500:]}")
        lines = reports[0].read_text().splitlines()
        place = [name.strip() for name in lines[0].split(",")].index("Total Cycles")
        return [int(float(line.split(",")[place])) for line in lines[1:]]


def run_gemms(config: object) -> None:
    """Run the GEMMs on the whole machine, DRAM and all."""
    from tandemsim.sim.ant.simulation import simulate
    from tandemsim.sim.machines.ant.bits import widths

    trace = gemm_trace()
    of_ops = widths(trace, trace.ops, config.array, "8")  # type: ignore[attr-defined]
    simulate(trace, trace.ops, config, of_ops)  # type: ignore[arg-type]


def gemm_trace() -> object:
    """Return the GEMMs as a trace."""
    from tandemsim.traces.kinds import macs
    from tandemsim.traces.schema import Op, Source, Tensor
    from tandemsim.traces.validate import seal

    tensors, ops = [], []
    for place, (m, n, k) in enumerate(GEMMS):
        shapes = ((m, k), "input"), ((k, n), "weight"), ((m, n), "output")
        first = len(tensors)
        for shape, role in shapes:
            tensors.append(Tensor(id=len(tensors), shape=shape, dtype="float32", role=role))  # type: ignore[arg-type]
        dims = {"m": m, "n": n, "k": k}
        inputs, outputs = (first, first + 1), (first + 2,)
        op = Op(
            id=place,
            kind="gemm",
            name=f"gemm{place}",
            inputs=inputs,
            outputs=outputs,
            dims=dims,
            macs=macs("gemm", dims, {}),
        )
        ops.append(op)
    return seal(
        source=Source(model="gemms", configuration={}, exporter="benchmarks", exporter_version="1"),
        tensors=tensors,
        ops=ops,
    )


def main() -> None:
    """Print all tables."""
    processes()
    networks()
    beside_scalesim()


if __name__ == "__main__":
    main()
