"""What a plan would take is known before it is taken: the estimate is held to the memory of real plans."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.salo.family import SALO_FAMILY
from tandemsim.sim.arch.salo.presets import SALO
from tandemsim.sim.salo.layer.layout import Layer
from tandemsim.sim.salo.layer.simulation import simulate_layer
from tandemsim.sim.salo.layer.size import MAX_PLAN_BYTES, plan_bytes
from tandemsim.traces.pattern import Band, Pattern

ROOT = Path(__file__).resolve().parents[2]
# Peak memory of a layer beyond that of a tiny one, in a process of its own: its high-water mark.
MEASURE = """
import sys
from tandemsim.sim.arch.salo.family import SALO_FAMILY
from tandemsim.sim.salo.layer.layout import Layer
from tandemsim.sim.salo.layer.simulation import simulate_layer
from tests.salo.test_machine_size import CASES

def peak():
    return 1024 * int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])

pattern, heads, settings = CASES[sys.argv[1]]
config = SALO_FAMILY.config("salo", settings)
for one, count in ((type(pattern).sliding(40, 8), 1), (pattern, heads)):
    before = peak()
    simulate_layer(config, one, Layer(count, 8, one.seq_len, one.global_tokens))
print(peak() - before)
"""
CASES = {
    "many heads of one tile": (Pattern.sliding(1, 1), 300_000, {}),
    "many blocks": (Pattern.sliding(200_000, 1), 1, {}),
    "many residue classes": (Pattern.dilated(65_536, 9, 4096), 1, {}),
    "many tiles of a small array": (Pattern.sliding(20_000, 64), 8, {"rows": "1", "cols": "4"}),
    "many global rows": (Pattern.longformer(4096, 64, (0,)), 1, {"array.global_rows": "500"}),
    "a longformer": (Pattern.longformer(16_384, 512, (0,)), 12, {}),
    "a grid": (Pattern.vil(112, 112, 15, 1), 12, {}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_plan_takes_no_more_than_was_estimated(name: str) -> None:
    """And the estimate is not a wild one: a hundred megabytes beside it, or eight times as much."""
    pattern, heads, settings = CASES[name]
    config = SALO_FAMILY.config("salo", settings)
    ran = subprocess.run(
        [sys.executable, "-c", MEASURE, name], cwd=ROOT, check=True, capture_output=True, text=True
    )
    taken, estimate = int(ran.stdout), plan_bytes(config, pattern, heads)
    assert taken <= estimate + 30e6
    assert estimate <= 8 * taken + 100e6


@pytest.mark.parametrize(
    ("pattern", "heads", "settings"),
    [
        (Pattern.sliding(1, 1), 2**25, {}),
        (Pattern.sliding(2**24, 1), 1, {"rows": "1"}),
        (Pattern.longformer(4096, 512, (0,)), 1, {"array.global_rows": "4096", "rows": "2"}),
        (Pattern(seq_len=2**20, bands=(Band(-(2**20) + 1, 2**20 - 1, 1),)), 4, {}),
    ],
)
def test_what_would_take_too_much_is_refused_before_it_is_planned(
    pattern: Pattern, heads: int, settings: dict[str, str]
) -> None:
    config = SALO_FAMILY.config("salo", settings)
    assert plan_bytes(config, pattern, heads) > MAX_PLAN_BYTES
    rule = r"^its plan must take at most 4 GiB of memory, not \d+\.\d GiB, for [\d,]+ heads; run fewer"
    with pytest.raises(ConfigError, match=rule):
        simulate_layer(config, pattern, Layer(heads, 1, pattern.seq_len, pattern.global_tokens))


def test_the_largest_checked_in_workload_is_far_below_the_limit() -> None:
    assert plan_bytes(SALO, Pattern.longformer(16_384, 512, (0,)), 12) < MAX_PLAN_BYTES / 20
