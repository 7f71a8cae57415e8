"""Names of modules in Verilog: family, unit, and a part of the digest of what the circuit depends on.

``salo_pe_1f0c88a2`` is the unit ``pe`` of SALO, class ``PE`` of `rtl.salo`, in a configuration whose
`circuit` has that digest. A name follows from class and configuration alone, so the files of two families, or
of two configurations, can stand in one design: modules of one name are the same module.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from amaranth.lib import wiring

from tandemsim.sim.arch.checks import digest

DIGITS = 8  # of the digest


def family_of(kind: type) -> str:
    """Return the package of a class: ``salo`` of ``rtl.salo.pe``."""
    return kind.__module__.split(".")[-2:][0]


def unit_name(kind: type) -> str:
    """Return what a class is called as a unit: ``WeightedSum`` is ``weighted_sum``.

    The name of its family is left out: ``AntGemm`` of ``rtl.ant`` is ``gemm``.
    """
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind.__name__).lower()
    return words.removeprefix(f"{family_of(kind)}_")


def module_name(kind: type, config: Any) -> str:
    """Return the name of the module of a unit in a configuration, which has a `circuit`."""
    return f"{family_of(kind)}_{unit_name(kind)}_{circuit_digest(config)[:DIGITS]}"


def module_of(component: wiring.Component) -> str:
    """Return the name of a component's module; one that has no configuration bears its class's name alone."""
    kind, config = type(component), getattr(component, "config", None)
    return unit_name(kind) if config is None else module_name(kind, config)


@functools.lru_cache(maxsize=16)  # a thousand PEs have one config
def circuit_digest(config: Any) -> str:
    """Return the digest of all that the circuits of a configuration depend on."""
    return digest(config.circuit)
