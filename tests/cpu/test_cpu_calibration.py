"""The fit to VELTAIR's profile: the preset holds it, and it is worth something on layers it has not seen."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.cpu.presets import THREADRIPPER_3990X
from tandemsim.sim.cpu.calibration import fidelity, fitted, held_out, predictor, two_constants
from tandemsim.sim.cpu.layer_profile import SLOWED, VELTAIR, MeasuredLayer, read_profile

LAYERS = read_profile()
CORES = [count for count in LAYERS[0].seconds if count < SLOWED]


def test_the_presets_constants_are_those_of_the_fit() -> None:
    again = fitted(LAYERS, CORES, replace(THREADRIPPER_3990X))
    law, own = again.rates, THREADRIPPER_3990X.rates
    assert again.team.thread_seconds == pytest.approx(THREADRIPPER_3990X.team.thread_seconds, abs=1e-9)
    for name in ("efficiency", "whole_rows", "strided"):
        assert getattr(law, name) == pytest.approx(getattr(own, name), abs=1e-3)


def test_the_fit_does_not_depend_on_where_it_starts() -> None:
    start = THREADRIPPER_3990X
    other = replace(
        start,
        rates=replace(start.rates, efficiency=0.3, whole_rows=1.0, strided=1.0),
        team=replace(start.team, thread_seconds=1e-6),
    )
    assert fitted(LAYERS, CORES, other).rates.efficiency == pytest.approx(start.rates.efficiency, rel=0.01)


def test_a_profile_that_the_model_wrote_is_fitted_exactly() -> None:
    truth = replace(THREADRIPPER_3990X, rates=replace(THREADRIPPER_3990X.rates, efficiency=0.5, strided=0.9))
    predict = predictor(truth)
    made = [
        MeasuredLayer(each.name, each.shape, {count: predict(each.shape, count) for count in CORES})
        for each in LAYERS
    ]
    found = fitted(made, CORES, THREADRIPPER_3990X)
    assert fidelity(made, CORES, predictor(found)).median < 0.01
    assert found.rates.strided == pytest.approx(0.9, rel=0.02)


def test_layers_that_were_not_fitted_are_within_ten_percent() -> None:
    ours, others = held_out(LAYERS, CORES, THREADRIPPER_3990X, splits=20, seed=1)
    assert np.mean(ours) <= 0.10
    assert np.mean(others) >= 1.5 * np.mean(ours)  # two constants: 26 us and 25 GMAC/s a core


def test_the_whole_network_is_within_three_percent_and_six_at_56_cores() -> None:
    totals = fidelity(LAYERS, CORES, predictor(THREADRIPPER_3990X)).totals
    for count, ratio in totals.items():
        assert abs(ratio - 1) <= (0.06 if count == 56 else 0.03), (count, ratio)


def test_the_baseline_has_the_error_that_was_measured_for_it() -> None:
    baseline = fidelity(LAYERS, CORES, two_constants)
    assert baseline.median == pytest.approx(0.12, abs=0.01)
    assert max(abs(ratio - 1) for ratio in baseline.totals.values()) == pytest.approx(0.025, abs=0.001)


def test_the_profile_is_that_of_the_network_in_the_tree() -> None:
    assert len(LAYERS) == 53 and len({each.shape for each in LAYERS}) == 23
    assert sum(each.shape.macs for each in LAYERS) == 4_087_136_256
    assert math.isclose(sum(each.seconds[56] for each in LAYERS), 4.342e-3, rel_tol=1e-3)


@pytest.mark.parametrize(
    "old, new, says",
    [
        ("us_8cores", "us_8core", "us_Ncores"),
        (",515,", ",-5,", ":2: us_8cores must be a positive number, not '-5'"),
        (",515,", ",", ":2: a layer must have 14 columns, not 13"),
        ("224-224-3-64", "224-224-3", ":2: kind and sides must be CONV with 11 sides"),
        ("118013952", "118013953", ":2: MACs must be 118013952, not '118013953'"),
    ],
)
def test_a_file_that_breaks_a_rule_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    text = VELTAIR.read_text()
    columns = {"us_8core": text.replace("us_", "ms_")}
    path = tmp_path / "profile.csv"
    path.write_text(columns.get(new, text.replace(old, new, 1)))
    with pytest.raises(ConfigError) as caught:
        read_profile(path)
    assert says in str(caught.value)
