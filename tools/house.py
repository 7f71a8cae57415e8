"""Who may import whom: the table of docs/design.md, and what holds the sources to it.

Every import is read: those inside functions, those for type checkers alone, and a module that is named by a
string. ``python tools/house.py`` prints what breaks the table; tests/test_house.py runs the same functions,
on this tree and on made-up ones that break each rule.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
NAMESPACE = "tandemsim"
OURS = ("sim", "rtl", "traces", "workloads")  # packages of the namespace, which lie at the top of the tree
BARE = "bare "  # before an import without the namespace: it would load a second copy of the module

PARTS = ("sim.arch", "sim.engine", "sim.memory", "sim.quantize", "traces")

# Package -> what of ours it may import, beside itself. The longest row that fits holds.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "tandemsim": ("sim", "traces", "workloads"),
    "traces": ("sim.arch.checks", "sim.shell"),
    "sim.arch": (),
    "sim.shell": ("sim.arch.checks", "sim.arch.family"),
    "sim.engine": ("sim.arch", "sim.shell"),
    "sim.memory": ("sim.arch", "sim.engine"),
    "sim.quantize": ("sim.arch",),
    "sim.report": ("sim.arch.checks", "sim.shell"),
    "sim.comparison": ("sim.arch.checks", "sim.report", "sim.shell"),
    "sim.papers": ("sim.arch", "sim.engine.jit", "sim.report.plot_style", "sim.shell"),
    "sim.only": ("sim.arch", "traces"),
    "sim.pattern_trace": ("sim.arch", "traces"),
    "sim.run": ("sim.arch", "sim.engine", "sim.machines", "sim.only", "sim.report", "sim.shell", "traces"),
    "sim.sweep": (
        "sim.arch",
        "sim.engine.kernel_cache",
        "sim.machines",
        "sim.pattern_trace",
        "sim.report",
        "sim.run",
        "sim.shell",
        "traces",
    ),
    "sim.capacity": (
        "sim.arch",
        "sim.cpu",
        "sim.engine",
        "sim.report",
        "sim.run",
        "sim.serving",
        "sim.shell",
        "sim.sweep",
        "traces",
    ),
    "sim.commands": ("sim", "traces"),
    "sim": ("sim.commands", "sim.shell"),
    # Nothing that bears a machine's name.
    "rtl.lib": (
        "sim.arch.checks",
        "sim.arch.family",
        "sim.arch.formats",
        "sim.arch.settings",
        "sim.arch.wires",
        "sim.shell",
    ),
    "rtl.synthesis": ("rtl", "sim.arch", "sim.shell.stopping"),
    "rtl.testbench": ("rtl", "sim.ant", "sim.arch", "sim.salo"),
    "rtl.build": ("rtl", "sim.arch", "sim.shell"),
    "rtl.synth": ("rtl", "sim.arch", "sim.shell"),
    "rtl": (),
    "workloads.quantize": ("workloads", "sim.arch", "sim.quantize", "sim.report", "sim.shell", "traces"),
    "workloads": ("traces", "sim.arch", "sim.shell"),
}

# Any other package of `sim` is a machine: it knows the parts, and no other machine but those named here. Any
# other package of `rtl` has the circuits of one.
OTHER_MACHINES = {"sim.fused": ("sim.ant", "sim.salo"), "sim.serving": ("sim.cpu",)}
WITH_ALL_MACHINES = "sim.machines"  # which also joins the parts with the reports

# Module -> what it may run as a process of its own, by its name in a string, and not import.
PROCESSES = {"sim.papers.cpu_baseline": ("workloads.cpu_attention",)}

# Outside libraries that only one package may import.
ONLY_FOR = {
    "torch": "workloads",
    "onnx": "workloads",
    "amaranth": "rtl",
    "numba": "sim.engine.jit",  # which names the folder of the kernel cache first
}

# What `--help`, `list` and a misspelled name must not wait for: entry -> libraries it may not load at once.
SLOW = {"torch", "onnx", "amaranth", "matplotlib", "pyarrow"}
LIGHT = dict.fromkeys(
    ("sim.arch", "sim.shell", "traces.__main__", "sim.__main__", "sim.commands.main", "sim.machines.table"),
    SLOW | {"numba"},
)
LIGHT["sim.quantize"] = SLOW | {"numba"}


class Import(NamedTuple):
    target: str  # dotted module
    line: int
    at_once: bool  # when the module is loaded, and not only when one of its functions runs


Tree = dict[str, list[Import]]  # module -> its imports


def read_tree(root: Path) -> Tree:
    """Return the imports of every module of our packages below `root`."""
    folders = (NAMESPACE, *OURS)
    paths = [path for folder in folders for path in sorted((root / folder).rglob("*.py"))]
    known = {module_name(path.relative_to(root)): path for path in paths}
    return {module: list(imports(path, module, set(known))) for module, path in known.items()}


def module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, module: str, known: set[str]) -> Iterator[Import]:
    """Yield the imports of one file; ``from a import b`` is ``a.b`` where that is a module."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node, at_once in walk(ast.parse(path.read_text()), at_once=True):
        for target in targets(node, package, known):
            yield Import(target, getattr(node, "lineno", 0), at_once)


def targets(node: ast.AST, package: str, known: set[str]) -> list[str]:
    """Return the modules that `node` imports: ours without the namespace, and marked where it is missing."""
    match node:
        case ast.Import(names=names):
            return [in_tree(alias.name) for alias in names]
        case ast.ImportFrom(module=source, names=names, level=level):
            parts = [NAMESPACE, *package.split(".")]
            above = parts[: len(parts) - level + 1] if level else []
            base = in_tree(".".join([*above, *([source] if source else [])]))
            within = "" if base == NAMESPACE else f"{base}."
            return [f"{within}{a.name}" if f"{within}{a.name}" in known else base for a in names]
        case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]):
            by_name = ast.unparse(function).rpartition(".")[2] in ("import_module", "__import__")
            return [in_tree(name)] if by_name else []
        case ast.Constant(value=str(name)) if name.startswith(f"{NAMESPACE}.") and in_tree(name) in known:
            return [in_tree(name)]
    return []


def in_tree(name: str) -> str:
    """Return ``sim.run`` of ``tandemsim.sim.run``, and ``bare sim.run`` of ``sim.run``."""
    first, _, rest = name.partition(".")
    if first == NAMESPACE:
        return rest if rest.partition(".")[0] in OURS else name  # else a file of the namespace's own folder
    return f"{BARE}{name}" if first in OURS else name


def walk(node: ast.AST, at_once: bool) -> Iterator[tuple[ast.AST, bool]]:
    """Yield every node below `node`, and whether it runs when the module is loaded."""
    for child in ast.iter_child_nodes(node):
        yield child, at_once
        later = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for_types = isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING")
        yield from walk(child, at_once and not later and not for_types)


def broken_rules(tree: Tree) -> list[str]:
    """Return one line for every import that the table does not allow."""
    return [
        f"{module}, line {found.line}: may not import {found.target}"
        for module, found_imports in tree.items()
        for found in found_imports
        if not allowed(module, found.target)
    ]


def missing_modules(tree: Tree) -> list[str]:
    """Return one line for every import of ours that no file stands behind, as when it was never committed."""
    return [
        f"{module}, line {found.line}: there is no {found.target}"
        for module, found_imports in tree.items()
        for found in found_imports
        if found.target.partition(".")[0] in (NAMESPACE, *OURS) and found.target not in tree
    ]


def cycles(tree: Tree) -> list[str]:
    """Return a line for a cycle of modules, if there is one; imports for types alone count."""
    graph = {
        module: {found.target for found in found_imports if found.target in tree and found.target != module}
        for module, found_imports in tree.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [f"a cycle: {' -> '.join(reversed(error.args[1]))}"]
    return []


def allowed(module: str, target: str) -> bool:
    if target.startswith(BARE) or module == "sim":  # sim/__init__: sim.arch, and so rtl/, costs nothing
        return False
    if inside(target, NAMESPACE):
        return inside(module, NAMESPACE)  # it offers what all others make, and stands above them
    library = target.partition(".")[0]
    if library not in OURS:
        return allowed_outside(module, library)
    if target in PROCESSES.get(module, ()):
        return True
    row, may_import = row_of(module)
    return any(inside(target, package) for package in (row, *may_import))


def row_of(module: str) -> tuple[str, tuple[str, ...]]:
    """Return the row that holds for `module`: its package, and what that may import."""
    package = ".".join(module.split(".")[:2])
    if package == WITH_ALL_MACHINES:
        return package, ("sim.pattern_trace", "sim.report", "sim.shell", *PARTS, *machines())
    if is_machine(package) and package != "sim.__main__":
        return package, (*PARTS, *OTHER_MACHINES.get(package, ()))
    if package.startswith("rtl.") and package not in MAY_IMPORT:
        others = OTHER_MACHINES.get(f"sim.{package[4:]}", ())
        return package, ("rtl.lib", "sim.arch", *(f"rtl.{other[4:]}" for other in others))
    row = max((row for row in MAY_IMPORT if inside(module, row)), key=len)
    return row, MAY_IMPORT[row]


def is_machine(package: str) -> bool:
    """Whether `package` is a machine: a package of `sim` without a row of its own."""
    return package.startswith("sim.") and package not in MAY_IMPORT and package != WITH_ALL_MACHINES


def machines() -> list[str]:
    """Return the machines of this tree, and those that OTHER_MACHINES names."""
    folders = [path.name for path in (ROOT / "sim").iterdir() if (path / "__init__.py").exists()]
    named = [machine for row in OTHER_MACHINES.items() for machine in (row[0], *row[1])]
    return sorted({package for name in folders if is_machine(package := f"sim.{name}")} | set(named))


def allowed_outside(module: str, library: str) -> bool:
    if inside(module, "sim.arch") or inside(module, "sim.shell"):
        return library in sys.stdlib_module_names or (library == "numpy" and inside(module, "sim.arch"))
    return library not in ONLY_FOR or inside(module, ONLY_FOR[library])


def inside(module: str, package: str) -> bool:
    """Whether `module` is `package` or lies in it."""
    return module == package or module.startswith(package + ".")


def slow_starts(tree: Tree) -> list[str]:
    """Return one line for every slow library that a light entry loads at once."""
    return [
        f"importing {entry} loads {library} ({module})"
        for entry, slow in LIGHT.items()
        for library, module in sorted(loaded_at_once(tree, entry).items())
        if library in slow
    ]


def loaded_at_once(tree: Tree, entry: str) -> dict[str, str]:
    """Return outside library -> a module that loads it, for all that importing `entry` loads."""
    waiting = [module for module in tree if inside(module, entry)]
    seen: set[str] = set()
    libraries: dict[str, str] = {}
    while waiting:
        module = waiting.pop()
        if module in seen or module not in tree:
            continue
        seen.add(module)
        waiting += [module.rsplit(".", depth)[0] for depth in range(1, module.count(".") + 1)]
        for target in (found.target for found in tree[module] if found.at_once):
            if target.partition(".")[0] in (NAMESPACE, *OURS):
                waiting.append(target)
            else:
                libraries.setdefault(target.partition(".")[0], module)
    return libraries


def faults(tree: Tree) -> list[str]:
    """Return one line for whatever is wrong."""
    return broken_rules(tree) + missing_modules(tree) + cycles(tree) + slow_starts(tree)


def table() -> str:
    """Return the table as docs/design.md has it."""
    rows = {**MAY_IMPORT, "a machine, `sim.<machine>`": PARTS}
    rows["its circuits, `rtl.<machine>`"] = ("rtl.lib", "sim.arch")
    rows |= {package: (*PARTS, *others) for package, others in OTHER_MACHINES.items()}
    rows[WITH_ALL_MACHINES] = ("every machine", "sim.pattern_trace", "sim.report", "sim.shell", *PARTS)
    rows |= {f"`{module}`, in a process of its own": targets for module, targets in PROCESSES.items()}
    lines = ["| package | may import, beside itself |", "|---|---|"]
    for package, targets in rows.items():
        name = package if "`" in package else f"`{package}`"
        named = [target if " " in target else f"`{target}`" for target in targets]
        lines.append(f"| {name} | {', '.join(named) or 'nothing of ours'} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    tree = read_tree(ROOT)
    found = faults(tree)
    print("\n".join(found) or f"{len(tree)} modules keep to the import table")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
