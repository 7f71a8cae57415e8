"""``python -m workloads.quantize.compare MODEL``: formats beside each other at equal storage, scales counted.

Weights, or with ``--activations`` the inputs of the layers, in several ways of storing scales:

- tensor, float16: one scale, found by the search of ANT's artifact; 4 bits
- channel, float16: one for each output channel of a weight, found in the same way; 16 bits a channel more
- 32, E8M0: blocks of 32 with a power of two, as MXFP4 has them; 4.25 bits
- 16, E4M3: blocks of 16 with a scale of 8 bits, and one of the tensor, as NVFP4 has them; 4.5 bits

In blocks each scale is the best near that of the standard's rule, for every element alike; mxfp4 and nvfp4
are E2M1 with the rule's own, which follows from the largest value of a block. The errors are those of all
tensors together, and, as there the large ones count most, the mean of the tensors'; `best of` is the number
of tensors of which no format in the same storage has a smaller error. IP-F is the best of int4, flint4 and
pot4 for each tensor.
"""

from __future__ import annotations

from tandemsim.sim.shell.stopping import finish, stop_at_once

if __name__ == "__main__":  # before anything else is imported
    stop_at_once("tandem")

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from tandemsim.sim.arch.blocks import BLOCK_FORMATS
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.codes import code_format
from tandemsim.sim.quantize.blocks import like_mxfp4, like_nvfp4
from tandemsim.sim.quantize.rule import CHANNEL, TENSOR, Rule
from tandemsim.sim.quantize.scales import ARTIFACT, Span
from tandemsim.sim.quantize.tensors import (
    Quantized,
    decibels,
    quantize_activation,
    quantize_weight,
)
from tandemsim.sim.report.layout import table
from tandemsim.sim.shell.command_line import Parser, answered
from tandemsim.sim.shell.files import standard_output
from tandemsim.workloads.quantize.model import Layer
from tandemsim.workloads.quantize.quantizing import INPUT
from tandemsim.workloads.quantize.rows import counted, in_decibels
from tandemsim.workloads.quantize.sources import read_model

SPEAKER = "workloads"  # begins the line that says what is wrong
ELEMENTS = ("int4", "flint4", "pot4", "e2m1")
CHOICE = ("int4", "flint4", "pot4")  # IP-F: the best of these for each tensor
STORE = "float16"
Tensor = Callable[..., Quantized]  # takes a `rule`
WIDTH = 100


class Row(NamedTuple):
    """A format in one way of storing scales, over all weights."""

    storage: str
    name: str
    bits: float  # of an element, scales counted
    mse: float
    sqnr_db: float  # of all weights together
    mean_db: float  # mean of the tensors'
    best: int  # tensors of which no other format of this storage has a smaller error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code: 0, or 2 after one line about a mistake of the user's."""
    described = (__doc__ or "").partition("\n")[2].strip()
    parser = Parser("python -m workloads.quantize.compare", SPEAKER, description=described)
    parser.add_argument("model", metavar="MODEL", help="as python -m workloads.quantize takes it")
    parser.add_argument("--input", action="append", default=[], metavar="SHAPE", help="of a module:callable")
    seed = "of training (default: 0)"
    parser.add_argument("--seed", type=int, default=0, metavar="N", help=seed)
    which = "compare on the inputs of the layers instead of their weights"
    parser.add_argument("--activations", action="store_true", help=which)
    low = f"of scales of a tensor or channel, as in workloads.quantize (default: {ARTIFACT.low})"
    parser.add_argument("--low", type=int, default=ARTIFACT.low, metavar="PERCENT", help=low)
    high = f"the same (default: {ARTIFACT.high})"
    parser.add_argument("--high", type=int, default=ARTIFACT.high, metavar="PERCENT", help=high)
    options = parser.parse_args(arguments)

    def run() -> None:
        model = read_model(options.model, options.input, options.seed)
        tensors = (activations_of if options.activations else weights_of)(model.layers)
        text = as_text(compared(tensors, storages(options.activations, Span(options.low, options.high))))
        noun = "activation" if options.activations else "weight"
        with standard_output() as out:
            out.write(f"{model.name}: {counted(len(tensors), noun)}\n{text}")

    return answered(SPEAKER, run)


def weights_of(layers: Sequence[Layer]) -> list[Tensor]:
    """Return the weights, each as the function that quantizes it."""
    return [partial(quantize_weight, layer.weight_name, layer.weight) for layer in layers]


def activations_of(layers: Sequence[Layer]) -> list[Tensor]:
    """Return the inputs of the layers. Raises `ConfigError` if there are none."""
    given = [
        partial(quantize_activation, layer.name + INPUT, layer.activation, channels=layer.channels)
        for layer in layers
        if layer.activation is not None
    ]
    if not given:
        raise ConfigError("--activations must be with a model that is run, not a file of weights")
    return list(given)


def compared(tensors: Sequence[Tensor], storages: Mapping[str, Mapping[str, Rule]]) -> list[Row]:
    """Return a row for each format in each way of storing scales."""
    rows: list[Row] = []
    for storage, rules in storages.items():
        found = {name: [tensor(rule=rule) for tensor in tensors] for name, rule in rules.items()}
        each = zip(*(found[name] for name in CHOICE), strict=True)
        found["IP-F"] = [min(some, key=lambda one: one.mse) for some in each]
        least = [min(one.mse for one in some) for some in zip(*found.values(), strict=True)]
        rows += [_row(storage, name, results, least) for name, results in found.items()]
    return rows


def storages(activations: bool, span: Span = ARTIFACT) -> dict[str, dict[str, Rule]]:
    """Return the rules of the formats by how scales are stored; of activations a channel has none."""
    elements = {name: code_format(name) for name in ELEMENTS}
    found = {
        f"{per}, {STORE}": {
            name: Rule(form=form, per=per, span=span, store=STORE) for name, form in elements.items()
        }
        for per in (TENSOR, CHANNEL)
    }
    if activations:
        del found[f"{CHANNEL}, {STORE}"]
    for standard, like, storage in (("mxfp4", like_mxfp4, "32, E8M0"), ("nvfp4", like_nvfp4, "16, E4M3")):
        found[storage] = {name: Rule(form=like(form), near=True) for name, form in elements.items()}
        found[storage][standard] = Rule(form=BLOCK_FORMATS[standard])
    return found


def _row(storage: str, name: str, tensors: Sequence[Quantized], least: Sequence[float]) -> Row:
    sizes = [tensor.values.size for tensor in tensors]
    elements = sum(sizes)
    noise = sum(tensor.mse * size for tensor, size in zip(tensors, sizes, strict=True)) / elements
    power = sum(tensor.power * size for tensor, size in zip(tensors, sizes, strict=True)) / elements
    return Row(
        storage=storage,
        name=name,
        bits=sum(tensor.stored_bits * size for tensor, size in zip(tensors, sizes, strict=True)) / elements,
        mse=noise,
        sqnr_db=decibels(power, noise),
        mean_db=sum(tensor.sqnr_db for tensor in tensors) / len(tensors),
        best=sum(tensor.mse <= mse for tensor, mse in zip(tensors, least, strict=True)),
    )


def as_text(rows: Sequence[Row]) -> str:
    """Return the table."""
    cells = [["scales", "format", "bits", "MSE", "SQNR", "mean SQNR", "best of"]]
    for row in rows:
        numbers = [f"{row.bits:.3f}", f"{row.mse:.3e}", in_decibels(row.sqnr_db), in_decibels(row.mean_db)]
        cells.append([row.storage, row.name, *numbers, str(row.best)])
    return "\n".join(table(cells, "<<>>>>>", WIDTH)) + "\n"


if __name__ == "__main__":
    finish(main)
