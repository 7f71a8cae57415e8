"""The twins (tools/twins.py): this tree's circuits have their models, and every rule can fail."""

import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import twins
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class PEInputs(NamedTuple):
    query: int
    key: int


class PEOutputs(NamedTuple):
    score: int


class Model:
    """Multiplies a query by a key and adds.

    Answers one cycle later.
    """

    def __init__(self, config: int) -> None: ...


Model.__name__ = "PE"
MODELS = SimpleNamespace(PE=Model, PEInputs=PEInputs, PEOutputs=PEOutputs)
PORTS = {"query": In(8), "key": In(8), "score": Out(20)}


def circuit(ports: Any = PORTS, says: str = "Multiplies a query by a key and adds.") -> type:
    class PE(wiring.Component):
        def __init__(self, config: int) -> None:
            super().__init__({name: port for name, port in ports.items() if config or name != "key"})

    PE.__doc__ = f"{says}\n\nOne multiplier, one register.\n"
    return PE


def faults(component: type, models: Any = MODELS, config: int = 1) -> list[str]:
    return [*twins.differences(component, models, config)]


def test_every_circuit_has_its_model() -> None:
    assert twins.broken_twins(twins.ROOT) == []


def test_the_circuits_of_this_tree_are_found_with_all_their_components() -> None:
    path = Path("salo", "weighted_sum.py")
    assert path in twins.circuits(twins.ROOT)
    names = {component.__name__ for component in twins.components(twins.module("rtl", path))}
    assert names == {"WeightedSum", "GlobalWeightedSum"}
    assert len(twins.configs(path)) == 2  # presets


def test_true_twins_pass() -> None:
    assert faults(circuit()) == []


def test_ports_may_be_annotations() -> None:
    class PE(wiring.Component):
        """Multiplies a query by a key and adds."""

        query: In(8)
        key: In(8)
        score: Out(20)

        def __init__(self, config: int) -> None:
            super().__init__()

    assert faults(PE) == []


def test_ports_are_those_of_the_configuration() -> None:
    said = "In ports ['query'] are not the fields ['query', 'key'] of PEInputs"
    assert faults(circuit(), config=0) == [said]


def test_the_tuples_of_a_class_serve_those_that_refine_it() -> None:
    class GlobalPE(circuit()):  # type: ignore[misc]
        """Multiplies for a global row."""

    refined = type("GlobalPE", (Model,), {"__doc__": "Multiplies for a global row."})
    assert faults(GlobalPE, SimpleNamespace(GlobalPE=refined, **vars(MODELS))) == []


@pytest.mark.parametrize(
    "component, fault",
    [
        (type("PEs", (circuit(),), {}), "the model has no class of this name"),
        (circuit(says="Multiplies two values."), "the first lines of the two docstrings differ"),
        (
            circuit({name: port for name, port in PORTS.items() if name != "key"}),
            "In ports ['query'] are not the fields ['query', 'key'] of PEInputs",
        ),
        (
            circuit(PORTS | {"key": Out(8)}),
            "Out ports ['key', 'score'] are not the fields ['score'] of PEOutputs",
        ),
    ],
)
def test_a_difference_is_reported(component: type, fault: str) -> None:
    assert fault in faults(component)


@pytest.mark.parametrize(
    "arguments, fault",
    [
        ({"config": float}, "takes ['config: float'], the model ['config: int']"),
        ({"array": int}, "takes ['array: int'], the model ['config: int']"),
        ({"config": int, "depth": int}, "must take one argument, its config, not 2"),
    ],
)
def test_another_constructor_is_reported(arguments: dict[str, type], fault: str) -> None:
    class PE(circuit()):  # type: ignore[misc]
        def __init__(self, config: int, depth: int = 0, array: int = 1) -> None:
            super().__init__(config or array)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    new = [inspect.Parameter(name, kind, annotation=taken) for name, taken in arguments.items()]
    PE.__signature__ = inspect.Signature(new)
    assert fault in faults(PE)


def test_a_model_without_tuples_is_reported() -> None:
    said = "Out ports ['score'] are not the fields [] of PEOutputs"
    assert said in faults(circuit(), SimpleNamespace(PE=Model, PEInputs=PEInputs))


def test_a_circuit_without_a_model_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "rtl" / "salo" / "pe.py"
    path.parent.mkdir(parents=True)
    path.write_text("")
    assert twins.broken_twins(tmp_path) == ["rtl/salo/pe.py has no model: sim/salo/pe.py is missing"]


@pytest.mark.parametrize("folder", ["lib", "synthesis", "."])
def test_circuits_without_a_model_live_in_lib_and_synthesis_and_beside_them(
    folder: str, tmp_path: Path
) -> None:
    path = tmp_path / "rtl" / folder / "rom.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    assert twins.broken_twins(tmp_path) == []
