"""``python -m workloads.quantize.embedding``: what formats change in the embeddings of sentences.

all-MiniLM-L6-v2 with real weights, on sentences that did not decide about scales. `cosine` is the mean cosine
between the embedding of the quantized model and that of float32; `ranks` is Spearman's correlation between
the similarities of all pairs of sentences. Weights alone, then weights and the inputs of their layers.
"""

from __future__ import annotations

from tandemsim.sim.shell.stopping import finish, stop_at_once

if __name__ == "__main__":  # before anything else is imported
    stop_at_once("tandem")

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.types import Doubles
from tandemsim.sim.report.layout import table
from tandemsim.sim.shell.command_line import Parser, answered, installed_by
from tandemsim.sim.shell.files import standard_output
from tandemsim.workloads.quantize.plans import Plan, plans
from tandemsim.workloads.quantize.quantizing import quantize_model

SPEAKER = "workloads"  # begins the line that says what is wrong

with installed_by(SPEAKER, "pip install 'tandemsim[models,quantize]'"):
    from tandemsim.workloads.quantize import sentences
    from tandemsim.workloads.quantize.fake import quantized
    from tandemsim.workloads.quantize.torch_sources import sentence_model

WIDTH = 100


class Likeness(NamedTuple):
    """How near embeddings are to those of float32."""

    cosine: float
    ranks: float


def likeness(found: Doubles, wanted: Doubles) -> Likeness:
    """Compare embeddings [n, width] of length 1 with those of float32."""
    above = np.triu_indices(len(wanted), 1)
    one, other = ((each @ each.T)[above].argsort().argsort().astype(np.float64) for each in (found, wanted))
    ranks = float(np.corrcoef(one, other)[0, 1])
    return Likeness(float((found * wanted).sum(axis=1).mean()), ranks)


def measured(plan_by_name: Mapping[str, Plan]) -> Iterator[tuple[str, Likeness, Likeness]]:
    """Yield what each plan does by its weights alone, and with activations."""
    module, model = sentences.load(), sentence_model()
    batch = sentences.tokens(sentences.sentences()[sentences.CALIBRATION :])
    wanted = sentences.embeddings(module, batch).numpy()
    for name, plan in plan_by_name.items():
        layers = quantize_model(model, plan.rule, plan.escalate)
        found = []
        for some in ([replace(each, activation=None) for each in layers], layers):
            with quantized(module, some):
                found.append(likeness(sentences.embeddings(module, batch).numpy(), wanted))
        yield name, found[0], found[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code: 0, or 2 after one line about a mistake of the user's."""
    described = (__doc__ or "").partition("\n")[2].strip()
    parser = Parser("python -m workloads.quantize.embedding", SPEAKER, description=described)
    parser.parse_args(arguments)

    def run() -> None:
        rows = [["format", "cosine", "ranks", "with activations: cosine", "ranks"]]
        for name, weights, both in measured(plans(4)):
            rows.append([name, *(f"{value:.4f}" for value in (*weights, *both))])
        with standard_output() as out:
            out.write("\n".join(table(rows, "<>>>>", WIDTH)) + "\n")

    return answered(SPEAKER, run)


if __name__ == "__main__":
    finish(main)
