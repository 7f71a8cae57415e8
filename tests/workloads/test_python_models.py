"""What docs/python.md and examples/ show of models of one's own, which takes PyTorch."""

from pathlib import Path

import pytest

from tests.python.example_scripts import MODELS, expected, output
from tests.python.python_docs import check, parts


def test_the_section_on_models_prints_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check("    >>> import tandemsim as ts\n\n" + parts()[1], tmp_path, monkeypatch) >= 5


@pytest.mark.parametrize("name", MODELS)
def test_an_example_prints_what_lies_beside_it(name: str, tmp_path: Path) -> None:
    assert output(name, tmp_path) == expected(name)
