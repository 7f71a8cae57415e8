"""Contention for L3 by one eviction age against the exact cache."""

import numpy as np

from tests.cpu.random_mixes import mix
from tests.examples import WHOLE


def test_miss_ratios_of_random_mixes_are_those_of_the_exact_cache() -> None:
    """`TANDEM_EXAMPLES=all` has 120 mixes of 2 to 4 tenants; docs/cpu-cache.md has what it finds."""
    generator = np.random.default_rng(11)
    tenants = [tenant for _ in range(120 if WHOLE else 12) for tenant in mix(generator)]
    exact = np.array([tenant.exact for tenant in tenants])
    errors = np.abs(np.array([tenant.shared_age for tenant in tenants]) - exact)
    equal = np.abs(np.array([tenant.equal_shares for tenant in tenants]) - exact)
    print(
        f"{len(tenants)} tenants: mean error {errors.mean():.4f}, 95 % below {np.quantile(errors, 0.95):.4f},"
        f" largest {errors.max():.3f}; with equal shares {equal.mean():.4f}"
    )
    assert errors.mean() <= 0.012
    assert np.quantile(errors, 0.95) <= 0.04
    assert equal.mean() > 2 * errors.mean()
