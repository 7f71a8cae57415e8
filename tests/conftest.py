"""What holds for every suite: how hypothesis searches, and which suites need torch."""

import importlib.util
import os

import pytest
from hypothesis import settings

# No example has a deadline: the first call of a kernel compiles it. In CI the examples are the same each
# time, so that a red run is the fault of the change.
settings.register_profile("tandem", deadline=None)
settings.register_profile("tandem-ci", settings.get_profile("tandem"), derandomize=True, print_blob=True)
settings.load_profile("tandem-ci" if os.environ.get("CI") else "tandem")

HAS_TORCH = importlib.util.find_spec("torch") is not None

# `make test` needs no torch; `make test-models` does.
collect_ignore = [] if HAS_TORCH else ["workloads"]


def pytest_configure() -> None:
    if os.environ.get("TANDEM_REQUIRE_TORCH") and not HAS_TORCH:
        raise pytest.UsageError("TANDEM_REQUIRE_TORCH is set, but torch is not installed: make test-models")
