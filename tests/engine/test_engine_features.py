"""No kernel is compiled for AVX-512, which LLVM gets wrong (`sim.engine.jit` says what was seen)."""

from __future__ import annotations

import numpy as np

from tandemsim.sim.engine.jit import SETTINGS, jit


@jit
def doubled(values: np.ndarray) -> np.ndarray:
    """A loop that a compiler makes vectors of."""
    out = np.empty_like(values)
    for i in range(len(values)):
        out[i] = 2 * values[i]
    return out


def test_no_kernel_uses_avx512() -> None:
    doubled(np.arange(1000))
    assert not SETTINGS.DISABLE_JIT
    code = "".join(doubled.inspect_asm().values())
    assert "doubled" in code
    assert "%zmm" not in code and "{%k" not in code


def test_what_the_processor_has_beside_it_is_used() -> None:
    assert "+avx512" not in SETTINGS.CPU_FEATURES
    assert "sse2" in SETTINGS.CPU_FEATURES or "neon" in SETTINGS.CPU_FEATURES
