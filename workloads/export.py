"""``python -m workloads.export NAME|module:callable``: a PyTorch model's trace, and tensors of a run for simulators.

The trace depends on the model's shapes alone, so exporting a named model again rewrites its file in `traces/data` byte
for byte. ``--tensors`` writes what its windowed attention is given in a run with random weights and inputs, an ``.npz``
with the arrays ``<op name>/q``, ``/k``, ``/v`` and, where the model has them, ``/global_q``, ``/global_k``,
``/global_v``, each float32 of shape (batch, heads, tokens, head_dim).
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

import traces
from sim.arch.checks import ConfigError, UserError, nearest
from traces.codec import save
from traces.errors import TraceError
from traces.schema import Source, Trace
from workloads.capture import save_tensors
from workloads.inputs import InputSpec, parse_input
from workloads.registry import WORKLOADS, Workload
from workloads.tracer import trace

EXPORTER = "workloads.export"
VERSION = "1"  # raised whenever the same model gives another trace
DATA = Path(traces.__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Target:
    """What to export, and the trace file that it goes to by default."""

    workload: Workload
    origin: str
    default_out: Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code: 0, or 2 after one line about a mistake of the user's."""
    options = _parser().parse_args(arguments)
    if options.list:
        print("\n".join(f"{workload.name:16} {workload.summary}" for workload in WORKLOADS.values()))
        return 0
    try:
        _run(options)
    except (UserError, TraceError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


def _run(options: argparse.Namespace) -> None:
    if not options.model:
        raise ConfigError(f"a model is missing; known: {', '.join(WORKLOADS)}, or module:callable")
    target = resolve(options.model, tuple(map(parse_input, options.input)))
    exported = export(target)
    if options.tensors is None or options.out is not None:
        out = options.out or target.default_out
        save(exported, out)
        _say(f"{out}: {len(exported.ops)} ops, {exported.macs / 1e9:.3f} GMAC, digest {exported.digest[:12]}")
    if options.tensors is not None:
        written = save_tensors(target.workload, exported, options.tensors, options.layers, options.seed)
        _say(f"{options.tensors}: {', '.join(written)}")


def resolve(name: str, inputs: tuple[InputSpec, ...] = ()) -> Target:
    """Return what `name` stands for: a registered workload, or ``module:callable`` that returns an `nn.Module`.

    `inputs` replace a registered workload's own. Raises `ConfigError` for a name that does not exist.
    """
    if ":" not in name:
        if name not in WORKLOADS:
            raise ConfigError(nearest("model", name, WORKLOADS))
        workload = WORKLOADS[name]
        return Target(replace(workload, inputs=inputs or workload.inputs), "", DATA / f"{name}.json")
    if not inputs:
        raise ConfigError(f"{name} needs at least one --input, such as --input 1x3x224x224")
    module_name, _, attribute = name.partition(":")
    build = _imported(module_name, attribute)
    workload = Workload(name=attribute, summary="", build=build, inputs=inputs, configuration={})
    return Target(workload, name, Path(f"{attribute}.json"))


def _imported(module_name: str, attribute: str) -> object:
    sys.path.insert(0, "")  # the user's own module lies in the folder that the command is run from
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ConfigError(f"cannot import {module_name}: {error}") from error
    finally:
        sys.path.remove("")
    build = getattr(module, attribute, None)
    if not callable(build):
        raise ConfigError(nearest(f"callable of {module_name}", attribute, [n for n in vars(module) if n[0] != "_"]))
    return build


def export(target: Target) -> Trace:
    """Return the target's trace. The module is built and run on the `meta` device: no weights, no arithmetic."""
    workload = target.workload
    with torch.device("meta"):
        module = build_module(workload)
    configuration = {**workload.configuration, "inputs": [str(spec) for spec in workload.inputs]}
    source = Source(
        model=workload.name,
        configuration=configuration,
        exporter=f"{EXPORTER}, torch {torch.__version__.partition('+')[0]}",
        exporter_version=VERSION,
        origin=target.origin,
    )
    return trace(module.to("meta"), [spec.meta() for spec in workload.inputs], source)


def build_module(workload: Workload) -> nn.Module:
    """Build the module, ready for inference. Raises `ConfigError` if that fails or gives something else."""
    try:
        module = workload.build()
    except UserError:
        raise
    except Exception as error:  # the user's code may raise anything
        raise ConfigError(f"building {workload.name} failed: {type(error).__name__}: {error}") from error
    if not isinstance(module, nn.Module):
        raise ConfigError(f"{workload.name} must return a torch.nn.Module, not {type(module).__name__}")
    return module.eval()


def _layers(text: str) -> int | None:
    if text == "all":
        return None
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a positive integer or 'all', not {text!r}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workloads.export", description=__doc__.split("\n\n")[0])
    parser.add_argument("model", nargs="?", help="a name from --list, or module:callable that returns an nn.Module")
    parser.add_argument("--list", action="store_true", help="list the named models and stop")
    parser.add_argument("--input", action="append", default=[], metavar="SHAPE[:TYPE[:END]]",
                        help="an input of the model, once for each: 1x3x224x224, or 1x128:int64:30522 for whole "
                        "numbers below 30522; a named model has its own")
    parser.add_argument("--out", type=Path, metavar="FILE",
                        help="trace to write, .json or .json.gz (default: traces/data/NAME.json for a named model, else "
                        "CALLABLE.json here; none if only --tensors is given)")
    parser.add_argument("--tensors", type=Path, metavar="FILE.npz",
                        help="write queries, keys and values of a run with random weights")
    parser.add_argument("--layers", type=_layers, default=1, metavar="N|all",
                        help="how many window attentions --tensors runs to (default: 1)")
    parser.add_argument("--seed", type=int, default=0, help="of the random weights and inputs (default: 0)")
    return parser


def _say(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
