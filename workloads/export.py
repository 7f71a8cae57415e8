"""``python -m workloads.export NAME|module:callable``: write the trace of a PyTorch model.

The trace depends on the shapes of the model alone, so exporting a named model again rewrites its file in
`traces/data` byte for byte. ``--tensors`` writes what its windowed attention is given in a run with random
weights and inputs, an ``.npz`` with the arrays ``<op name>/q``, ``/k``, ``/v`` and, where the model has them,
``/global_q``, ``/global_k``, ``/global_v``, each float32 of shape (batch, heads, tokens, head_dim).
"""

from __future__ import annotations

from tandemsim.sim.shell.stopping import finish, stop_at_once

if __name__ == "__main__":  # before anything else is imported
    stop_at_once("tandem")

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tandemsim.sim.arch.checks import ConfigError, UserError
from tandemsim.sim.shell.command_line import USER_FAULT, Parser, installed_by, tell_fault
from tandemsim.traces.codec import save
from tandemsim.traces.schema import Trace

SPEAKER = "workloads"  # begins the line that says what is wrong

with installed_by(SPEAKER, "pip install 'tandemsim[models]'"):
    import torch

    from tandemsim.workloads.capture import save_tensors
    from tandemsim.workloads.inputs import parse_input
    from tandemsim.workloads.modules import traced
    from tandemsim.workloads.registry import WORKLOADS
    from tandemsim.workloads.targets import Target, build_module, resolve


def export(target: Target) -> Trace:
    """Return the target's trace. The model is built and run on the `meta` device, without any arithmetic."""
    workload = target.workload
    with torch.device("meta"):
        module = build_module(workload).to("meta")
    configuration = {**workload.configuration, "inputs": [str(spec) for spec in workload.inputs]}
    inputs = [spec.meta() for spec in workload.inputs]
    return traced(module, inputs, workload.name, configuration, target.origin)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code: 0, or 2 after one line about a mistake of the user's."""
    options = _parser().parse_args(arguments)
    try:
        _run(options)
    except (UserError, OSError) as error:
        tell_fault(SPEAKER, str(error))
        return USER_FAULT
    return 0


def _run(options: argparse.Namespace) -> None:
    if options.list:
        print("\n".join(f"{workload.name:18}{workload.summary}" for workload in WORKLOADS.values()))
        return
    if not options.model:
        raise ConfigError(f"a model is missing; known: {', '.join(WORKLOADS)}, or module:callable")
    target = resolve(options.model, tuple(parse_input(text) for text in options.input))
    exported = export(target)
    if options.out is not None or options.tensors is None:
        out = options.out or target.out
        save(exported, out)
        _say(f"{out}: {len(exported.ops)} ops, {exported.macs / 1e9:.3f} GMAC, digest {exported.digest[:12]}")
    if options.tensors is not None:
        arrays = save_tensors(target.workload, exported, options.tensors, options.layers, options.seed)
        _say(f"{options.tensors}: {', '.join(arrays)}")


def _parser() -> Parser:
    summary = "Write the trace of a PyTorch model."
    parser = Parser("python -m workloads.export", SPEAKER, description=summary)
    parser.add_argument("model", nargs="?", help="a name from --list, or module:callable giving an nn.Module")
    parser.add_argument("--list", action="store_true", help="list the named models and stop")
    inputs = (
        "an input of the model, one for each argument: 1x3x224x224, or 1x128:int64:30522 for whole numbers "
    )
    inputs += "below 30522; a named model has its own"
    parser.add_argument("--input", action="append", default=[], metavar="SHAPE[:TYPE[:END]]", help=inputs)
    out = (
        "the trace, .json or .json.gz (default: traces/data/NAME.json for a named model, else CALLABLE.json "
    )
    out += "here; none if only --tensors is given)"
    parser.add_argument("--out", type=Path, metavar="FILE", help=out)
    tensors = "write queries, keys and values of a run with random weights"
    parser.add_argument("--tensors", type=Path, metavar="FILE.npz", help=tensors)
    layers = "how many window attentions --tensors runs through (default: 1)"
    parser.add_argument("--layers", type=_layers, default=1, metavar="N|all", help=layers)
    parser.add_argument("--seed", type=int, default=0, help="of the random weights and inputs (default: 0)")
    return parser


def _layers(text: str) -> int | None:
    if text == "all":
        return None
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a positive integer or all, not {text!r}")


def _say(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    finish(main)
