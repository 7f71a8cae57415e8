"""``python -m workloads.quantize.accuracy``: what formats cost two networks on digits, over many seeds.

Each seed trains a network, holds back other images, and chooses scales on other training images; all formats
of a seed quantize the same network, weights and activations of every layer. The table has the mean accuracy
on the test and, as networks differ more than formats, mean and standard deviation of what a format loses to
float32 of the same seed. `bits` are those of a weight, with scales, in the first seed.
"""

from __future__ import annotations

from tandemsim.sim.shell.stopping import finish, stop_at_once

if __name__ == "__main__":  # before anything else is imported
    stop_at_once("tandem")

import copy
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tandemsim.sim.arch.checks import ConfigError, require
from tandemsim.sim.report.layout import table
from tandemsim.sim.shell.command_line import Parser, answered, installed_by
from tandemsim.sim.shell.files import standard_output
from tandemsim.traces.schema import Trace
from tandemsim.workloads.quantize.plans import plans
from tandemsim.workloads.quantize.quantizing import quantize_model

SPEAKER = "workloads"  # begins the line that says what is wrong

with installed_by(SPEAKER, "pip install 'tandemsim[models,quantize]'"):
    from tandemsim.workloads.quantize import digits
    from tandemsim.workloads.quantize.fake import quantized
    from tandemsim.workloads.quantize.modules import read_module

FLOAT = "float32"
TUNING_RATE = 5e-4  # assumed: a quarter of the rate of training
WIDTH = 100


class Outcome(NamedTuple):
    """What became of one network in one format."""

    accuracy: float
    bits: float  # of a weight, with scales


def one_seed(network: str, seed: int, bits: int, epochs: int) -> dict[str, Outcome]:
    """Return the accuracy of every format for one trained network, after `epochs` of fine-tuning."""
    module, data = digits.trained(network, seed), digits.split(seed)
    model = read_module(module, [data.train[: digits.CALIBRATION]], {}, network, _no_trace)
    found = {FLOAT: Outcome(digits.accuracy(module, data), 32.0)}
    for name, plan in plans(bits).items():
        layers = quantize_model(model, plan.rule, plan.escalate)
        tuned = copy.deepcopy(module)
        with quantized(tuned, layers):
            if epochs:
                with digits.seeded(seed):
                    digits.fit(tuned, data, epochs, TUNING_RATE)
            accuracy = digits.accuracy(tuned, data)
        stored = sum(each.weight.stored_bits * each.weight.values.size for each in layers)
        found[name] = Outcome(accuracy, stored / sum(each.weight.values.size for each in layers))
    return found


def as_text(network: str, seeds: Sequence[Mapping[str, Outcome]]) -> str:
    """Return the table of one network."""
    rows = [[network, "bits", "accuracy", "lost", "spread", "worst"]]
    for name in seeds[0]:
        accuracies = [seed[name].accuracy for seed in seeds]
        lost = [seed[FLOAT].accuracy - seed[name].accuracy for seed in seeds]
        spread = statistics.stdev(lost) if len(lost) > 1 else 0.0
        shown = [
            f"{100 * value:.2f} %"
            for value in (statistics.mean(accuracies), statistics.mean(lost), spread, max(lost))
        ]
        rows.append([name, f"{seeds[0][name].bits:.2f}", *shown])
    return "\n".join(table(rows, "<>>>>>", WIDTH)) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code: 0, or 2 after one line about a mistake of the user's."""
    described = (__doc__ or "").partition("\n")[2].strip()
    parser = Parser("python -m workloads.quantize.accuracy", SPEAKER, description=described)
    parser.add_argument(
        "--seeds", type=int, default=10, metavar="N", help="networks of each kind (default: 10)"
    )
    parser.add_argument("--bits", type=int, default=4, metavar="N", help="of the types, 3 to 6 (default: 4)")
    tune = "epochs of fine-tuning with roundings in place (default: 0: after training alone)"
    parser.add_argument("--tune", type=int, default=0, metavar="EPOCHS", help=tune)
    options = parser.parse_args(arguments)

    def run() -> None:
        require(options.seeds > 0, "--seeds must be positive", options.seeds)
        require(3 <= options.bits <= 6, "--bits must be 3 to 6", options.bits)
        require(options.tune >= 0, "--tune must not be negative", options.tune)
        for network in digits.NETWORKS:
            found = [one_seed(network, seed, options.bits, options.tune) for seed in range(options.seeds)]
            with standard_output() as out:
                out.write(as_text(network, found) + "\n")

    return answered(SPEAKER, run)


def _no_trace() -> Trace:
    raise ConfigError("a network under test has no trace")


if __name__ == "__main__":
    finish(main)
