"""The twins: what sim/ and rtl/ must have in common, read from the sources alone.

A circuit rtl/<path>.py has its model in sim/<path>.py. Every component, a class on ``wiring.Component``, has
there

* a class of the same name, whose one constructor argument has the same name and type;
* the same sentence as the first line of the docstring;
* ``<Class>Inputs`` and ``<Class>Outputs``, NamedTuples whose fields are its ``In(...)`` and ``Out(...)``.

rtl/build.py, rtl/synth.py, rtl/synthesis/, and rtl/lib/ with the circuits that need no model, are exempt.
Whether values and cycles agree is the question of tests/cosim.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXEMPT = ("__init__.py", "build.py", "synth.py", "__main__.py")


def broken_twins(root: Path) -> list[str]:
    """Return one line for every difference between a circuit below `root` and its model."""
    faults = []
    for circuit in sorted((root / "rtl").rglob("*.py")):
        path = circuit.relative_to(root / "rtl")
        if path.name in EXEMPT or path.parts[0] in ("lib", "synthesis"):
            continue
        model = root / "sim" / path
        if not model.exists():
            faults.append(f"rtl/{path} has no model: sim/{path} is missing")
            continue
        models = classes(model)
        for name, component in classes(circuit).items():
            if is_component(component):
                faults += [f"rtl/{path}, {name}: {fault}" for fault in differences(component, models)]
    return faults


def classes(path: Path) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)}


def is_component(node: ast.ClassDef) -> bool:
    return any(ast.unparse(base).rpartition(".")[2] == "Component" for base in node.bases)


def differences(component: ast.ClassDef, models: dict[str, ast.ClassDef]) -> Iterator[str]:
    model = models.get(component.name)
    if model is None:
        yield "the model has no class of this name"
        return
    if arguments(component) != arguments(model):
        yield f"takes {arguments(component)}, the model {arguments(model)}"
    if len(arguments(component)) != 1:
        yield f"must take one argument, its config, not {len(arguments(component))}"
    if first_line(component) != first_line(model):
        yield "the first lines of the two docstrings differ"
    for direction, suffix in (("In", "Inputs"), ("Out", "Outputs")):
        tuple_name = component.name + suffix
        fields = annotated(models[tuple_name]) if tuple_name in models else []
        found = ports(component, direction)
        if set(found) != set(fields):
            yield f"{direction} ports {found} are not the fields {fields} of {tuple_name}"


def arguments(node: ast.ClassDef) -> list[str]:
    """Return the constructor's arguments as ``name: type``; a dataclass lists its fields."""
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            taken = [*item.args.posonlyargs, *item.args.args, *item.args.kwonlyargs][1:]
            return [ast.unparse(argument) for argument in taken]
    return [ast.unparse(item) for item in node.body if isinstance(item, ast.AnnAssign)]


def annotated(node: ast.ClassDef) -> list[str]:
    return [ast.unparse(item.target) for item in node.body if isinstance(item, ast.AnnAssign)]


def first_line(node: ast.ClassDef) -> str:
    return (ast.get_docstring(node) or "").partition("\n")[0]


def ports(node: ast.ClassDef, direction: str) -> list[str]:
    """Return the names declared as ``In(...)`` or ``Out(...)``, in a Signature's dict or by annotation."""
    found = []
    for item in ast.walk(node):
        if isinstance(item, ast.Dict):
            pairs = zip(item.keys, item.values, strict=True)
            found += [ast.literal_eval(key) for key, value in pairs if key and is_port(value, direction)]
        elif isinstance(item, ast.AnnAssign) and is_port(item.annotation, direction):
            found.append(ast.unparse(item.target))
    return found


def is_port(node: ast.AST, direction: str) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == direction


def main() -> int:
    faults = broken_twins(ROOT)
    print("\n".join(faults) or "every circuit has its model")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
