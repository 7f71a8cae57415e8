"""What the preset `salo` must reach on the published workloads, DRAM included: docs/salo.md."""

from __future__ import annotations

import functools
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tandemsim.sim.arch.salo.config import GlobalProjections, SaloConfig, SaloScheduling
from tandemsim.sim.arch.salo.presets import SALO
from tandemsim.sim.salo.layer.layout import Layer
from tandemsim.sim.salo.layer.simulation import simulate_layer
from tandemsim.traces.pattern import Pattern

LONGFORMER = Pattern.longformer(4096, 512, (0,))
PAGE = (Path(__file__).parents[2] / "docs" / "salo.md").read_text(encoding="utf-8")


@functools.cache
def utilization(config: SaloConfig, pattern: Pattern, heads: int, *, apart: bool = False) -> float:
    result = simulate_layer(
        config, pattern, Layer(heads, 64, pattern.seq_len, (0,)), global_projections=apart
    )
    assert result.macs == 2 * 64 * heads * pattern.pairs()
    return result.macs / (result.cycles * config.array.pes)


def with_array(**changes: object) -> SaloConfig:
    return replace(SALO, array=replace(SALO.array, **changes))


def test_longformer_keeps_nine_tenths_of_all_multipliers_busy() -> None:
    assert 0.90 <= utilization(SALO, LONGFORMER, 12, apart=True) <= 0.921


def test_separate_projections_without_private_ports() -> None:
    config = with_array(global_projections=GlobalProjections.SEPARATE)
    assert utilization(config, LONGFORMER, 12, apart=True) >= 0.85


def test_leftover_keys_are_worth_five_points() -> None:
    plain = replace(SALO, scheduling=SaloScheduling(leftover_keys=False))
    assert utilization(plain, LONGFORMER, 12, apart=True) == pytest.approx(0.869, abs=0.01)


@pytest.mark.parametrize(("side", "heads", "least"), [(56, 3, 0.70), (28, 6, 0.62)])
def test_vil_with_two_segments(side: int, heads: int, least: float) -> None:
    pattern = Pattern.vil(side, side, 15, 1)
    two = utilization(SALO, pattern, heads)
    one = utilization(with_array(column_segments=1), pattern, heads)
    assert two >= least > one


def test_the_page_states_the_utilization_of_every_command_in_its_table() -> None:
    plain = replace(SALO, scheduling=SaloScheduling(leftover_keys=False))
    separate = with_array(global_projections=GlobalProjections.SEPARATE)
    found = [utilization(config, LONGFORMER, 12, apart=True) for config in (SALO, plain, separate)]
    for config in (SALO, with_array(column_segments=1)):
        found += [
            utilization(config, Pattern.vil(side, side, 15, 1), heads) for side, heads in ((56, 3), (28, 6))
        ]
    table = PAGE.split("## Utilization", 1)[1].split("The ceiling", 1)[0]
    stated = [float(number) for row in table.splitlines() for number in re.findall(r"0\.\d{3}", row)]
    assert stated == pytest.approx(found, abs=0.0006)
