"""Fixtures of the engine's tests."""

from pathlib import Path

import pytest

from tests.engine.package import make_package


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return the folder of a package of our own, `tests.engine.package`."""
    return make_package(tmp_path)
