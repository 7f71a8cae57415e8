"""``python -m workloads.quantize MODEL``: choose formats and scales of a model's weights and activations.

Prints a table, a row a tensor. ``--out`` writes it as ``tensors.parquet`` and ``quantization.json``, the
trace whose tensors state their quantization, with the scales beside it, and a picture of weights on grids.
"""

from __future__ import annotations

from tandemsim.sim.shell.stopping import finish, stop_at_once

if __name__ == "__main__":  # before anything else is imported
    stop_at_once("tandem")

import argparse
import sys
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from tandemsim.sim.arch.blocks import BLOCK_FORMATS, BlockFormat
from tandemsim.sim.arch.checks import ConfigError, nearest, require
from tandemsim.sim.quantize.candidates import CANDIDATES
from tandemsim.sim.quantize.escalation import parse, published
from tandemsim.sim.quantize.rule import CHANNEL, TENSOR, Rule, named
from tandemsim.sim.quantize.scales import ARTIFACT, STORES, Span
from tandemsim.sim.shell.command_line import Parser, answered
from tandemsim.sim.shell.files import require_writable_folder, standard_output
from tandemsim.workloads.quantize.folder import FILES, write_folder
from tandemsim.workloads.quantize.model import Model
from tandemsim.workloads.quantize.quantizing import quantize_model
from tandemsim.workloads.quantize.rows import as_text
from tandemsim.workloads.quantize.sources import NAMES, read_model

SPEAKER = "workloads"  # begins the line that says what is wrong
DEFAULT = "IP-F"
EXAMPLES = f"""
MODEL is one of
  FILE.npz, FILE.safetensors   weights; tensors of two or more dimensions are quantized
  module:callable              a torch.nn.Module of yours, with --input as for workloads.export
  {", ".join(NAMES)}
                               models that come with it; they need pip install 'tandemsim[models,quantize]'

examples
  python -m workloads.quantize weights.npz
  python -m workloads.quantize weights.npz --format mxfp4 --out results
  python -m workloads.quantize digits-conv --types FIP-F --escalate 1
  python -m workloads.quantize my_module:build --input 8x3x224x224 --per tensor
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code: 0, or 2 after one line about a mistake of the user's."""
    options = _parser().parse_args(arguments)
    return answered(SPEAKER, lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    rule = rule_of(options)
    escalate = None if options.escalate is None else parse(options.escalate)
    if options.out is not None:
        require_writable_folder(options.out, FILES)
    model = _only(read_model(options.model, options.input, options.seed), options.only)
    layers = quantize_model(model, rule, escalate)
    with standard_output() as out:
        out.write(as_text(model, layers))
    if options.out is not None:
        for line in write_folder(options.out, model, layers, stated(rule, options)):
            print(line, file=sys.stderr)


def rule_of(options: argparse.Namespace) -> Rule:
    """Return the rule that the options state. Raises `ConfigError`."""
    form = None if options.format is None else named(options.format)
    if form is not None:
        require(
            options.types is None, "--types must be without --format, which leaves no choice", options.types
        )
        require(options.bits is None, "--bits must be without --format, whose name has them", options.bits)
    if isinstance(form, BlockFormat):
        require(
            options.per is None,
            f"--per must be without blocks of {form.name}, which have scales",
            options.per,
        )
    types = options.types or DEFAULT
    if types not in CANDIDATES:
        raise ConfigError(nearest("set of types", types, CANDIDATES))
    span = Span(
        ARTIFACT.low if options.low is None else options.low,
        ARTIFACT.high if options.high is None else options.high,
    )
    fields: dict[str, Any] = {"kinds": CANDIDATES[types], "form": form, "span": span, "store": options.scales}
    return Rule(bits=4 if options.bits is None else options.bits, per=options.per or CHANNEL, **fields)


def stated(rule: Rule, options: argparse.Namespace) -> dict[str, Any]:
    """Return what a result says of the rule."""
    blocks = isinstance(rule.form, BlockFormat)
    searched = {"per": rule.per, "low": rule.span.low, "high": rule.span.high, "scales": rule.store}
    formats = {"types": options.types or DEFAULT, "bits": rule.bits} if rule.form is None else {}
    named_form = {} if rule.form is None else {"format": rule.form.name}
    escalate = {} if options.escalate is None else {"escalate": options.escalate}
    return {**formats, **named_form, **({} if blocks else searched), **escalate}


def _only(model: Model, patterns: Sequence[str]) -> Model:
    if not patterns:
        return model
    kept = [layer for layer in model.layers if any(fnmatch(layer.weight_name, each) for each in patterns)]
    if not kept:
        names = [layer.weight_name for layer in model.layers]
        raise ConfigError(nearest("weight", patterns[0], names))
    left = [layer.weight_name for layer in model.layers if layer not in kept]
    return Model(
        name=model.name, layers=kept, left=[*model.left, *left], notes=model.notes, trace=model.trace
    )


def _parser() -> Parser:
    summary = "Choose number formats and scales of a model's weights and activations by their squared error."
    parser = Parser("python -m workloads.quantize", SPEAKER, description=summary, epilog=EXAMPLES)
    parser.add_argument("model", metavar="MODEL", help="what is quantized, see below")
    forms = f"one format for all: int4, pot4, flint4 (3 to 8 bits), e2m1, ..., or {', '.join(BLOCK_FORMATS)}"
    parser.add_argument("--format", metavar="NAME", help=forms)
    sets = "; ".join(f"{name} = {', '.join(kinds)}" for name, kinds in CANDIDATES.items())
    parser.add_argument(
        "--types",
        metavar="SET",
        help=f"the types among which each tensor chooses (default: {DEFAULT}): {sets}",
    )
    bits = "of the types; above 6 all are int (default: 4)"
    parser.add_argument("--bits", type=int, metavar="N", help=bits)
    per = "what has a scale of its own in a weight (default: channel); activations have one each"
    parser.add_argument("--per", choices=(CHANNEL, TENSOR), help=per)
    low = (
        f"the search of a scale begins at so many percent of the largest magnitude (default: {ARTIFACT.low})"
    )
    parser.add_argument("--low", type=int, metavar="PERCENT", help=low)
    high = f"and ends before (default: {ARTIFACT.high})"
    parser.add_argument("--high", type=int, metavar="PERCENT", help=high)
    stores = "how a scale is stored (default: float32)"
    parser.add_argument("--scales", choices=tuple(STORES), default="float32", help=stores)
    lists, counts = published()
    escalate = (
        "layers that get 8 bits, weight and activation: a number N of those with the largest relative error"
    )
    escalate += (
        "; their indices, 0,15; all with less signal to noise than 15dB; or, as the artifact has them for "
    )
    escalate += ", ".join((*lists, *counts))
    parser.add_argument("--escalate", metavar="N|LIST|dB|NETWORK", help=escalate)
    inputs = "an input of a module:callable, such as 1x3x224x224: see python -m workloads.export --help"
    parser.add_argument(
        "--input", action="append", default=[], metavar="[NAME=]SHAPE[:TYPE[:END]]", help=inputs
    )
    only = "quantize the weights of these names alone, such as 'encoder.*'; may be repeated"
    parser.add_argument("--only", action="append", default=[], metavar="GLOB", help=only)
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of random inputs and training (default: 0)"
    )
    out = f"write {', '.join(FILES)} there"
    parser.add_argument("--out", type=Path, metavar="FOLDER", help=out)
    return parser


if __name__ == "__main__":
    finish(main)
