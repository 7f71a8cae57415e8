"""The table of docs/dram.md: cycles of Ramulator 2.1 and ours, on the recorded streams.

``python -m tests.memory.deviations`` prints it: first with Ramulator's tRFC, then as the preset is.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.memory.oracle import ORACLE, PRESET, RUNS, measured, serve


def lines() -> Iterator[str]:
    """Yield the rows of the table."""
    for run, row in RUNS.items():
        variant, stream, mode = run
        if variant == "base":
            theirs = int(row["cycles"])
            same, preset = (
                int(measured(serve(config, stream, mode), config, mode)["cycles"])
                for config in (ORACLE, PRESET)
            )
            cells = (stream, mode, f"{theirs:,}", f"{same:,}", f"{preset:,}", f"{preset / theirs - 1:.3%}")
            yield f"| {' | '.join(cells)} |".replace("-", "−")


if __name__ == "__main__":
    print(*lines(), sep="\n")
