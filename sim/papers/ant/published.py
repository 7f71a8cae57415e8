"""What ANT's authors publish of speed and energy: two figures of the abstract, the table of Figure 13."""

from __future__ import annotations

from tandemsim.sim.papers.ant.tables import rows

TABLE = "results/ant_res.csv of the artifact, from which its README makes Figure 13"
PARTS = ("static", "dram", "buffer", "core")
MEAN = "mean"  # in place of a network

HEADLINES = {row["figure"]: (float(row["value"]), row["source"]) for row in rows("ant_published.csv")}
COMMITTED = {
    (row["accelerator"], row["network"]): {name: float(row[name]) for name in ("cycles", *PARTS)}
    for row in rows("ant_committed.csv")
}


def committed(accelerator: str, network: str, what: str) -> float | None:
    """Return the cycles or the energy that the authors commit, over AdaFloat's; None where they show none.

    Energy is the sum of four parts, each rounded to two decimals.
    """
    shown = COMMITTED.get((accelerator, network))
    if shown is None:
        return None
    return shown["cycles"] if what == "cycles" else round(sum(shown[part] for part in PARTS), 2)
