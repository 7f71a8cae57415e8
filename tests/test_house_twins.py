"""The twins (tools/twins.py): this tree's circuits have their models, and every rule can fail."""

from pathlib import Path

import pytest
import twins

MODEL = '''
class PEInputs(NamedTuple):
    query: int
    key: int

class PEOutputs(NamedTuple):
    score: int

class PE:
    """Multiplies a query by a key and adds.

    Answers one cycle later.
    """
    def __init__(self, config: SaloArray) -> None:
        self.config = config
'''

CIRCUIT = '''
class PE(wiring.Component):
    """Multiplies a query by a key and adds.

    One multiplier, one register.
    """
    def __init__(self, config: SaloArray) -> None:
        super().__init__({"query": In(8), "key": In(8), "score": Out(signed(20))})
'''


def faults(root: Path, circuit: str, model: str | None = MODEL) -> list[str]:
    for package, source in (("rtl", circuit), ("sim", model)):
        path = root / package / "salo" / "pe.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        if source is not None:
            path.write_text(source)
    return twins.broken_twins(root)


def test_every_circuit_has_its_model() -> None:
    assert twins.broken_twins(twins.ROOT) == []


def test_true_twins_pass(tmp_path: Path) -> None:
    assert faults(tmp_path, CIRCUIT) == []


def test_ports_may_be_annotations(tmp_path: Path) -> None:
    circuit = CIRCUIT.replace(
        "    def __init__",
        "    query: In(8)\n    key: wiring.In(8)\n    score: Out(8)\n    def __init__",
    ).replace('{"query": In(8), "key": In(8), "score": Out(signed(20))}', "")
    assert faults(tmp_path, circuit) == []


def test_a_circuit_without_a_model_is_reported(tmp_path: Path) -> None:
    assert faults(tmp_path, CIRCUIT, None) == ["rtl/salo/pe.py has no model: sim/salo/pe.py is missing"]


@pytest.mark.parametrize(
    "old, new, fault",
    [
        ("class PE(", "class PEs(", "the model has no class of this name"),
        ("config: SaloArray", "config: SaloConfig", "takes ['config: SaloConfig']"),
        ("config: SaloArray", "config: SaloArray, depth: int", "must take one argument"),
        ("Multiplies a query", "Multiplies two values", "the first lines of the two docstrings differ"),
        ('"key": In(8), ', "", "In ports ['query'] are not the fields ['query', 'key'] of PEInputs"),
        (
            '"key": In(8)',
            '"key": Out(8)',
            "Out ports ['key', 'score'] are not the fields ['score'] of PEOutputs",
        ),
    ],
)
def test_a_difference_is_reported(tmp_path: Path, old: str, new: str, fault: str) -> None:
    assert fault in "\n".join(faults(tmp_path, CIRCUIT.replace(old, new)))


def test_circuits_without_a_model_live_in_lib(tmp_path: Path) -> None:
    path = tmp_path / "rtl" / "lib" / "rom.py"
    path.parent.mkdir(parents=True)
    path.write_text(CIRCUIT)
    assert twins.broken_twins(tmp_path) == []
