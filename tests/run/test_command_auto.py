"""Banks, capacities and widths follow from the array unless they are set: `sim.arch.salo.auto`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.salo.auto import AUTO, auto_settings
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.family import SALO_FAMILY
from tandemsim.sim.arch.salo.numerics import NUMERICS
from tandemsim.sim.salo.layer.layout import Layer
from tandemsim.sim.salo.layer.simulation import simulate_layer
from tandemsim.traces.pattern import Pattern
from tests.examples import some_of


def config_of(preset: str = "salo", **values: Any) -> SaloConfig:
    named = {key.replace("__", "."): str(value) for key, value in values.items()}
    return SALO_FAMILY.config(preset, named)


def value_of(config: object, name: str) -> Any:
    for part in name.split("."):
        config = getattr(config, part)
    return config


@pytest.mark.parametrize("preset", SALO_FAMILY.configs)
def test_a_preset_states_what_follows_from_its_own_array(preset: str) -> None:
    config = SALO_FAMILY.configs[preset]
    following = auto_settings(config, config.numerics, {})
    assert set(following) == set(AUTO)
    assert following == {name: value_of(config, name) for name in AUTO}


sides = st.one_of(st.integers(1, 130), st.sampled_from([255, 1024, 4095, 4096]))


@given(
    st.sampled_from(sorted(SALO_FAMILY.configs)),
    sides,
    sides,
    st.sampled_from([1, 7, 64, 128, 256]),
    st.sampled_from([0, 1, 5]),
    st.sampled_from([None, *NUMERICS]),
    st.sampled_from([1, 2]),
)
@settings(max_examples=some_of(300), deadline=None)
def test_an_array_of_any_size_is_a_config(
    preset: str, rows: int, half: int, head_dim: int, extra: int, numerics: str | None, segments: int
) -> None:
    """And a row of it overflows nowhere: that is what the config checks."""
    cols = min(half * segments, 4096)
    named = {"numerics": numerics} if numerics else {}
    config = config_of(
        preset,
        rows=rows,
        cols=cols,
        array__head_dim=head_dim,
        array__global_cols=extra,
        array__column_segments=segments,
        **named,
    )
    assert (config.array.rows, config.array.cols) == (rows, cols)
    tile = config.array.chained_slots * head_dim * config.element_bytes
    assert config.key_scratchpad.capacity_bytes >= 4 * tile
    assert config.key_scratchpad.banks * config.key_scratchpad.ports >= config.array.chained_slots


@pytest.mark.parametrize("rows", [1, 3, 4, 7, 8, 24, 31, 32, 48, 64])
@pytest.mark.parametrize("preset", SALO_FAMILY.configs)
def test_no_key_waits_for_another_whatever_the_rows(preset: str, rows: int) -> None:
    for pattern in (Pattern.vil(28, 28, 15, 1), Pattern.longformer(512, 128, (0,))):
        found = simulate_layer(config_of(preset, rows=rows), pattern, Layer(2, 64, pattern.seq_len, (0,)))
        assert found.stalls["scratchpad"] == 0


@pytest.mark.parametrize(
    ("pattern", "most"), [(Pattern.vil(28, 28, 15, 1), 64), (Pattern.longformer(2048, 512, (0,)), 128)]
)
def test_a_larger_array_is_not_slower(pattern: Pattern, most: int) -> None:
    """Up to a few blocks a head: beyond, what the last block leaves idle decides."""
    cycles = [
        simulate_layer(config_of(rows=rows), pattern, Layer(4, 64, pattern.seq_len, (0,))).cycles
        for rows in (4, 8, 16, 32, 48, 64, 96, 128)
        if rows <= most
    ]
    assert cycles == sorted(cycles, reverse=True)


@pytest.mark.parametrize("name", AUTO)
def test_what_is_set_does_not_follow_and_auto_is_as_if_not_set(name: str) -> None:
    there = value_of(config_of(rows=64, cols=64), name)
    other = 2 * there if name.endswith(("bytes", "banks", "ports")) else there + 1
    also = {}
    if name == "numerics.renormalise_at":
        also = {f"numerics__deferred__{merge}__width": 31 for merge in ("merge", "global_merge")}
    assert value_of(config_of(rows=64, cols=64, **{name.replace(".", "__"): other}, **also), name) == other
    assert value_of(config_of(rows=64, cols=64, **{name.replace(".", "__"): "auto"}), name) == there


def test_a_width_that_is_set_too_small_is_still_refused() -> None:
    with pytest.raises(ConfigError, match="row_sum"):
        config_of(cols=128, numerics__row_sum__width=19)


def test_only_what_follows_can_be_auto() -> None:
    with pytest.raises(ConfigError, match="array.rows must be an integer, not 'auto'"):
        config_of(array__rows="auto")


@pytest.mark.parametrize("rows", [2, 7, 32, 100])
@pytest.mark.parametrize("granules", [1 << 11, 1 << 14, 840])
def test_a_capacity_that_is_set_never_leaves_fewer_banks_than_a_pass_streams(
    rows: int, granules: int
) -> None:
    config = config_of(rows=rows, key_scratchpad__capacity_bytes=granules * rows * 64)
    assert config.key_scratchpad.banks >= config.array.chained_slots


def test_a_capacity_that_no_such_banks_share_is_refused() -> None:
    """Fewer banks would share it, and cost cycles that nobody asked for."""
    with pytest.raises(
        ConfigError, match=r"key_scratchpad.capacity_bytes must be a multiple of banks \(64\)"
    ):
        config_of(key_scratchpad__capacity_bytes=2**31 - 1)
