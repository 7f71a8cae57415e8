"""The twins: what sim/ and rtl/ must have in common.

A circuit rtl/<path>.py has its model in sim/<path>.py. Every component of it has there

* a class of the same name, whose one constructor argument has the same name and type;
* the same sentence as the first line of the docstring;
* ``<Class>Inputs`` and ``<Class>Outputs``, NamedTuples whose fields are its ports, of every preset. The model
  of a subclass may use those of the class above it.

Exempt are rtl/*.py, rtl/lib/ with the circuits that need no model, rtl/synthesis/, rtl/testbench/, and
units.py, the list of a machine's units. Whether values and cycles agree is the question of tests/cosim.
``python tools/twins.py`` prints what differs; it needs the packages of `make rtl` and of `make sim`.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
EXEMPT = ("lib", "synthesis", "testbench")  # folders
LISTS = ("__init__.py", "units.py")  # files without a circuit of their own


def broken_twins(root: Path) -> list[str]:
    """Return one line for every difference between a circuit below `root`, this tree, and its model."""
    faults = []
    for path in circuits(root):
        if not (root / "sim" / path).exists():
            faults.append(f"rtl/{path} has no model: sim/{path} is missing")
            continue
        circuit, model = (module(package, path) for package in ("rtl", "sim"))
        for component in components(circuit):
            found = (fault for config in configs(path) for fault in differences(component, model, config))
            faults += [f"rtl/{path}, {component.__name__}: {fault}" for fault in dict.fromkeys(found)]
    return faults


def circuits(root: Path) -> list[Path]:
    """Return the files that must have a model, as paths below rtl/."""
    paths = [path.relative_to(root / "rtl") for path in sorted((root / "rtl").rglob("*.py"))]
    return [
        path
        for path in paths
        if len(path.parts) > 1 and path.parts[0] not in EXEMPT and path.name not in LISTS
    ]


def module(package: str, path: Path) -> ModuleType:
    return import_module(".".join(("tandemsim", package, *path.with_suffix("").parts)))


def configs(path: Path) -> list[Any]:
    """Return the presets of the machine that a circuit is of."""
    families = import_module("tandemsim.sim.arch.families")
    return [*families.FAMILIES[path.parts[0]].configs.values()]


def components(circuit: ModuleType) -> list[type]:
    """Return the components that a module defines."""
    component = import_module("amaranth.lib.wiring").Component
    return [
        found
        for found in vars(circuit).values()
        if isinstance(found, type) and issubclass(found, component) and found.__module__ == circuit.__name__
    ]


def differences(component: Any, models: Any, config: Any) -> Iterator[str]:
    """Yield what a component and its model in the module `models` do not have in common."""
    model = getattr(models, component.__name__, None)
    if model is None:
        yield "the model has no class of this name"
        return
    if arguments(component) != arguments(model):
        yield f"takes {arguments(component)}, the model {arguments(model)}"
    if first_line(component) != first_line(model):
        yield "the first lines of the two docstrings differ"
    if len(arguments(component)) != 1:
        yield f"must take one argument, its config, not {len(arguments(component))}"
        return
    for direction, suffix in (("In", "Inputs"), ("Out", "Outputs")):
        name, fields = fields_of(model, models, suffix)
        found = ports(component, config, direction)
        if {*found} != {*fields}:
            yield f"{direction} ports {found} are not the fields {fields} of {name}"


def arguments(kind: type) -> list[str]:
    """Return the constructor's arguments as ``name: type``."""
    found = inspect.signature(kind).parameters.values()
    return [f"{one.name}: {getattr(one.annotation, '__name__', one.annotation)}" for one in found]


def first_line(kind: type) -> str:
    return (kind.__doc__ or "").partition("\n")[0]


def fields_of(model: type, models: Any, suffix: str) -> tuple[str, list[str]]:
    """Return the name and the fields of a model's tuple, or of the one of the class that it refines."""
    names = [f"{kind.__name__}{suffix}" for kind in model.__mro__[:-1]]
    found = next((name for name in names if hasattr(models, name)), names[0])
    return found, [*getattr(getattr(models, found, None), "_fields", ())]


def ports(component: Any, config: Any, direction: str) -> list[str]:
    """Return the names of the ports of one direction."""
    made = component(config)
    made._MustUse__silence = True  # it is asked for its ports only, and Amaranth would warn of that
    return [name for name, member in made.signature.members.items() if member.flow.name == direction]


def main() -> int:
    sys.path.insert(0, str(ROOT))
    faults = broken_twins(ROOT)
    print("\n".join(faults) or "every circuit has its model")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
