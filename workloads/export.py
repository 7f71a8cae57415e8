"""``python -m workloads.export NAME|module:callable|transformers:MODEL``: write the trace of a PyTorch model.

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
from typing import Any

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.shell.command_line import Parser, answered, installed_by
from tandemsim.traces.codec import save
from tandemsim.traces.schema import Trace

SPEAKER = "workloads"  # begins the line that says what is wrong

with installed_by(SPEAKER, "pip install 'tandemsim[models]'"):
    from torch import Tensor, nn

    from tandemsim.workloads.buffers import building, to_meta
    from tandemsim.workloads.capture import save_tensors
    from tandemsim.workloads.inputs import parse_arguments
    from tandemsim.workloads.modules import traced
    from tandemsim.workloads.recorder import Missing, Recorder
    from tandemsim.workloads.registry import WORKLOADS
    from tandemsim.workloads.targets import Target, build_module, resolve
    from tandemsim.workloads.tracer import missing
    from tandemsim.workloads.workload import Workload


def export(target: Target, recorder: Recorder | None = None) -> Trace:
    """Return the target's trace. The model is built and run on the `meta` device, without any arithmetic."""
    workload, recorder = target.workload, recorder or Recorder()
    with workload.around(recorder.note):
        module, listed, named = _on_meta(workload, recorder)
        configuration = {**workload.configuration, "inputs": workload.inputs.lines()}
        return traced(
            module, listed, workload.name, configuration, target.origin, named=named, recorder=recorder
        )


def all_missing(target: Target) -> list[Missing]:
    """Return everything that the target's trace cannot say, most frequent first, from one run."""
    with target.workload.around(lambda line: None):
        recorder = Recorder(collect=True)
        module, listed, named = _on_meta(target.workload, recorder)
        return missing(module, listed, named=named, recorder=recorder)


def _on_meta(workload: Workload, recorder: Recorder) -> tuple[nn.Module, list[Tensor], dict[str, Any]]:
    with building(recorder.recipes):
        module = build_module(workload)
    return (to_meta(module, recorder.recipes), *workload.inputs.meta())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code: 0, or 2 after one line about a mistake of the user's."""
    options = _parser().parse_args(arguments)
    return answered(SPEAKER, lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    if options.list:
        print("\n".join(f"{entry.name:24}{entry.summary}" for entry in WORKLOADS.values()))
        return
    if not options.model:
        raise ConfigError(f"a model is missing; known: {', '.join(WORKLOADS)}, or module:callable")
    target = resolve(options.model, parse_arguments(options.input), options.config, options.decode)
    if options.all_missing:
        print("\n".join(_listed(all_missing(target))))
        return
    recorder = Recorder()
    exported = export(target, recorder)
    for line in recorder.noted():
        _say(f"{target.workload.name}: {line}")
    if options.out is not None or options.tensors is None:
        out = options.out or target.out
        save(exported, out)
        _say(f"{out}: {len(exported.ops)} ops, {exported.macs / 1e9:.3f} GMAC, digest {exported.digest[:12]}")
    if options.tensors is not None:
        arrays = save_tensors(target.workload, exported, options.tensors, options.layers, options.seed)
        _say(f"{options.tensors}: {', '.join(arrays)}")


def _listed(found: Sequence[Missing]) -> list[str]:
    """Return the table of ``--all-missing``."""
    if not found:
        return ["nothing is missing"]
    return [f"{item.count:6}  {item.what}{f' (first in {item.place})' * bool(item.place)}" for item in found]


def _parser() -> Parser:
    summary = "Write the trace of a PyTorch model."
    parser = Parser("python -m workloads.export", SPEAKER, description=summary)
    model = "a name from --list, module:callable giving an nn.Module, or transformers:MODEL, a model type of "
    model += "Hugging Face's transformers or a public model by its name"
    parser.add_argument("model", nargs="?", help=model)
    parser.add_argument("--list", action="store_true", help="list the named models and stop")
    inputs = (
        "an input of the model: 1x3x224x224, or 1x128:int64:30522 for whole numbers below 30522; with the "
    )
    inputs += (
        "argument's name, ids=1x128:int64, and then also a number, true or false; a named model has its own"
    )
    metavar = "[NAME=]SHAPE[:TYPE[:END]]"
    parser.add_argument("--input", action="append", default=[], metavar=metavar, help=inputs)
    config = "fields of a transformers model's config, a JSON object or a file of one"
    parser.add_argument("--config", metavar="JSON", help=config)
    decode = (
        "of a transformers model: one step of generation with CACHE_LEN tokens of BATCH texts in its cache"
    )
    parser.add_argument("--decode", metavar="BATCH,CACHE_LEN", help=decode)
    every = "list every operator that a trace has no kind for, with how often and where first, and stop"
    parser.add_argument("--all-missing", action="store_true", help=every)
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
