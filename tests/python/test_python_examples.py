"""examples/: every script prints what lies beside it."""

from pathlib import Path

import pytest

from tests.python.example_scripts import EXAMPLES, MODELS, expected, names, output


@pytest.mark.parametrize("name", [name for name in names() if name not in MODELS])
def test_an_example_prints_what_lies_beside_it(name: str, tmp_path: Path) -> None:
    assert output(name, tmp_path) == expected(name)


def test_every_example_has_its_output_and_every_output_its_example() -> None:
    assert names() == sorted(path.stem for path in EXAMPLES.glob("*.out"))
    assert set(MODELS) <= set(names())


def test_every_example_is_listed_in_the_readme() -> None:
    listed = (EXAMPLES / "README.md").read_text()
    assert all(f"`{name}.py`" in listed for name in names())
