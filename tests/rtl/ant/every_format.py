"""Arrays that between them have every format that a PE can run, and the numbers that a code stands for.

Formats run together as far as a PE can shift the products of any two of them.
"""

from __future__ import annotations

import numpy as np

from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.widths import PEClass, fits_base, pe_class
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.codes import FORMATS, CodeFormat, Kind, Ties
from tandemsim.sim.arch.types import Integers
from tests.ant import draws
from tests.cosim.ant.configs import BYTES, CLASS_A

WEIGHT = FORMATS["int4"]  # in every list: a signed format, as weights need


def runs(*forms: CodeFormat) -> PEClass | None:
    """Return the smallest class of PE that runs these formats, if one does."""
    try:
        return pe_class(forms)
    except ConfigError:
        return None


def lists() -> list[tuple[str, ...]]:
    """Return lists of formats, each as long as can be, that have every format which runs with int4."""
    nibbles = [form for form in FORMATS.values() if form.kind is Kind.INT and not fits_base(form)]
    singles = [form for form in FORMATS.values() if fits_base(form) and runs(WEIGHT, form)]
    found: list[list[CodeFormat]] = [[WEIGHT]]
    for form in [*singles, *nibbles]:
        if form in found[0]:
            continue
        for forms in found:
            if runs(*forms, form):
                forms.append(form)
                break
        else:
            found.append([WEIGHT, form])
    return [tuple(form.name for form in forms) for forms in found]


def config(formats: tuple[str, ...], **array: object) -> AntConfig:
    """Return a small array with these formats."""
    return draws.config(rows=2, cols=2, formats=formats, **array)


LISTS = {f"list{number}": config(names) for number, names in enumerate(lists())}
CONFIGS = LISTS | {
    "class_a": config(CLASS_A),
    "bytes": config((*BYTES, "flint4", "e3m2"), pe_bits=8),
}
WIDEST = "list1"  # formats of shifts up to 14: a number on the encoder's wire has 20 bits
SAMPLE = ["class_a", "bytes"]


def nearest(form: CodeFormat, quarters: Integers) -> Integers:
    """Return the code of the value nearest to ``quarters / 4``, by trying them all, in whole numbers.

    Of two equally near ones the larger, or, of a float of the OCP, the one whose code is even. Of two codes
    for zero the one without a sign, which is the smaller.
    """
    best, code = np.full(quarters.shape, np.iinfo(np.int64).max), np.zeros(quarters.shape, np.int64)
    values: dict[int, int] = {}
    for each in np.flatnonzero(form.finite).tolist():
        values.setdefault(int(form.value[each]), each)
    for value, each in sorted(values.items()):
        distance = np.abs(4 * value - quarters)
        wins = distance < best
        if form.ties is Ties.UP or each % 2 == 0:
            wins |= distance == best
        code[wins], best[wins] = each, distance[wins]
    return code
