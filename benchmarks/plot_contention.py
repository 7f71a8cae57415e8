"""Contention for L3 by one eviction age beside the exact cache: ``python -m benchmarks.plot_contention F``.

A dot for each tenant of random mixes, those of tests/cpu/test_mixes.py; in the second panel the same tenants
if each had an equal share of the L3 for itself.
"""

from __future__ import annotations

import sys

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from tests.cpu.random_mixes import KINDS, Tenant, mix

MIXES = 120
SEED = 11
COLORS = ("#0072b2", "#e69f00", "#009e73")  # Okabe and Ito, which all eyes tell apart


def main() -> None:
    """Draw into the file F."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m benchmarks.plot_contention FILE.png")
    generator = np.random.default_rng(SEED)
    tenants = [tenant for _ in range(MIXES) for tenant in mix(generator)]
    figure, axes = plt.subplots(1, 2, figsize=(9, 5.2), sharey=True, layout="constrained")
    for axis, (title, guess) in zip(axes, guesses(tenants).items(), strict=True):
        exact = np.array([tenant.exact for tenant in tenants])
        for kind, color in zip(KINDS, COLORS, strict=True):
            own = np.array([tenant.kind == kind for tenant in tenants])
            axis.plot(exact[own], guess[own], "o", color=color, markersize=4, alpha=0.7, label=kind)
        axis.plot([0, 1], [0, 1], color="0.6", linewidth=1, zorder=0)
        error = np.abs(guess - exact).mean()
        axis.set(title=f"{title}: mean error {error:.3f}", xlabel="miss ratio, exact cache", aspect="equal")
    axes[0].set_ylabel("miss ratio, model")
    axes[0].legend(frameon=False)
    figure.savefig(sys.argv[1], dpi=150)
    print(f"{len(tenants)} tenants of {MIXES} mixes: written to {sys.argv[1]}")


def guesses(tenants: list[Tenant]) -> dict[str, np.ndarray]:
    """Return both models' miss ratios [tenants]."""
    return {
        "one eviction age": np.array([tenant.shared_age for tenant in tenants]),
        "equal shares": np.array([tenant.equal_shares for tenant in tenants]),
    }


if __name__ == "__main__":
    main()
