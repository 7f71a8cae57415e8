import json
import sys
from pathlib import Path

import pytest

from tandemsim.sim.papers import cpu_baseline
from tandemsim.sim.papers.cpu_baseline import INSTALL, CpuBaseline, measure_cpu
from tandemsim.sim.papers.salo.cost_model import WORKLOADS

ANSWER = {
    "torch": "2.13.0",
    "threads": 2,
    "cpu": "A CPU",
    "repeats": 3,
    "layers": {"longformer": {"dense": 400.0, "masked": 500, "window": 300.5, "max_error": 1e-6}},
}


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def test_the_answer_of_the_measuring_process_is_read() -> None:
    found = measure_cpu(command=python(f"print({json.dumps(json.dumps(ANSWER))})"))
    assert isinstance(found, CpuBaseline)
    assert found.machine == "A CPU, 2 threads, torch 2.13.0"
    assert found.repeats == 3
    assert found.layers["longformer"]["masked"] == 500.0


def test_without_torch_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_baseline.importlib.util, "find_spec", lambda name: None)
    assert measure_cpu() == INSTALL
    assert "pip install 'tandemsim[models]'" in INSTALL


@pytest.mark.parametrize(
    "code, said",
    [
        ("import sys; sys.exit('libtorch is broken')", "libtorch is broken"),
        ("import sys; sys.exit(7)", "exit code 7"),
        ("print('not JSON')", "JSONDecodeError"),
        ("print('{}')", "KeyError"),
        ("print('[]')", "TypeError"),
    ],
)
def test_a_measurement_that_fails_is_one_line_and_no_exception(code: str, said: str) -> None:
    found = measure_cpu(command=python(code))
    assert isinstance(found, str)
    assert found.startswith("this machine's CPU was not measured: ") and said in found
    assert "\n" not in found


def test_a_process_that_cannot_start_is_one_line(tmp_path: Path) -> None:
    found = measure_cpu(command=(str(tmp_path / "missing"),))
    assert isinstance(found, str) and "FileNotFoundError" in found


def test_the_measured_layers_are_the_pairs_of_the_workloads() -> None:
    pytest.importorskip("torch")
    from tandemsim.workloads.cpu_attention import LAYERS, measure

    # docs/fidelity.md: pairs per head, from the definition of the patterns; heads of the models.
    assert {name: layer.pattern.pairs() for name, layer in LAYERS.items()} == {
        "longformer": 2_043_134,
        "vil-1": 620_929,
        "vil-2": 134_065,
    }
    assert [layer.heads for layer in LAYERS.values()] == [12, 3, 6]
    assert set(LAYERS) == {name for name, layer in WORKLOADS.items() if layer.script}
    assert callable(measure)


def test_the_windowed_operator_agrees_with_the_masked_dense_one() -> None:
    pytest.importorskip("torch")
    from tandemsim.traces.pattern import Pattern
    from tandemsim.workloads.cpu_attention import Layer, measure

    for pattern in (Pattern.longformer(300, 64), Pattern.vil(9, 7, 5)):
        found = measure(Layer(pattern=pattern, heads=2), repeats=1)
        assert found["max_error"] < 1e-5
        assert set(found) == {"dense", "masked", "window", "max_error"}


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["longfomer"], "unknown layer 'longfomer'; did you mean 'longformer'?"),
        (["--repeats", "0", "vil-2"], "--repeats must be a positive integer, not 0"),
    ],
)
def test_wrong_arguments_are_one_line_and_exit_code_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    from tandemsim.workloads.cpu_attention import main

    assert main(arguments) == 2
    assert capsys.readouterr() == ("", f"workloads: {said}\n")
