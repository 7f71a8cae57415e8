"""These tests need torch and transformers: else they are skipped, or fail if TANDEM_REQUIRE_TORCH is set."""

import os
from importlib.util import find_spec

import pytest

MISSING = [name for name in ("torch", "transformers") if find_spec(name) is None]

if MISSING and os.environ.get("TANDEM_REQUIRE_TORCH"):
    raise pytest.UsageError(f"TANDEM_REQUIRE_TORCH is set, but not installed: {', '.join(MISSING)}")


if "torch" not in MISSING:
    import torch

    torch.set_num_threads(1)  # small tensors, and other test processes beside this one


class SkippedModule(pytest.Module):
    """A test file that is reported as skipped without being imported."""

    def collect(self):
        pytest.skip(f"not installed: {', '.join(MISSING)}", allow_module_level=True)


def pytest_pycollect_makemodule(module_path, parent):
    return SkippedModule.from_parent(parent, path=module_path) if MISSING else None
