"""The trace of a transformer that the co-simulation runs is that of the file which torch exported."""

from pathlib import Path

from tandemsim.traces.codec import dumps
from tandemsim.workloads.onnx.model import import_file

TESTS = Path(__file__).resolve().parents[1]


def test_the_transformer_of_the_co_simulation_is_what_its_file_says() -> None:
    trace = import_file(TESTS / "workloads" / "exported" / "vit.onnx")
    assert dumps(trace) == (TESTS / "cosim" / "ant" / "data" / "vit.json").read_bytes()
