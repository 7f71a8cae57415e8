"""What the array cannot do is refused in one line, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.salo.presets import SALO
from tandemsim.sim.salo.layer.layout import Layer
from tandemsim.sim.salo.layer.simulation import simulate_layer
from tandemsim.traces.errors import TraceError
from tandemsim.traces.pattern import Pattern


@pytest.mark.parametrize(
    ("dims", "attrs", "message"),
    [
        (
            {"seq_len": 64},
            {"bands": [[-3, 3, 1]], "global_tokens": [0], "random_blocks": 3},
            "attrs.random_blocks is not supported: random keys are stated as blocks",
        ),
        (
            {"seq_len": 65, "grid": (8, 8)},
            {"bands": [[-4, 4, 2], [-4, 4, 2]], "global_tokens": [0]},
            "attrs.bands must be [[low_y, high_y], [low_x, high_x]] on a grid, not [-4, 4, 2]",
        ),
        (
            {"seq_len": 65, "grid": (8, 8)},
            {"bands": [[-4, 4], [-4, 4]], "global_tokens": []},
            "attrs.global_tokens must hold each of the 1 tokens outside the grid, and token 0 is missing",
        ),
        (
            {"seq_len": 64},
            {"bands": [], "global_tokens": []},
            "attrs.bands must hold a band, or there must be a global token",
        ),
    ],
    ids=["random blocks", "dilated 2-D window", "tokens outside that are not global", "nothing"],
)
def test_a_pattern_that_no_schedule_covers_is_refused(
    dims: Mapping[str, Any], attrs: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(TraceError) as error:
        Pattern.from_statement(dims, attrs)
    assert str(error.value) == message


def test_random_keys_of_bigbird_are_refused() -> None:
    with pytest.raises(
        TraceError, match="^random_keys must be 0, as random keys are stated as blocks, not 3$"
    ):
        Pattern.bigbird(64, 6, 2, random_keys=3)


@pytest.mark.parametrize(
    ("settings", "head_dim", "message"),
    [
        ({}, 65, r"heads must have at most array.head_dim elements \(64\), not 65; --set array.head_dim=65"),
        (
            {"key_scratchpad": replace(SALO.key_scratchpad, capacity_bytes=2048)},
            64,
            r"key_scratchpad.capacity_bytes must be at least \d+ for heads of 64, not 2048",
        ),
        (
            {"query_scratchpad": replace(SALO.query_scratchpad, capacity_bytes=2048)},
            64,
            r"query_scratchpad.capacity_bytes must be at least 4096 for heads of 64, not 2048",
        ),
    ],
    ids=["head", "keys", "queries"],
)
def test_a_layer_that_does_not_fit_the_machine_is_refused(
    settings: dict[str, Any], head_dim: int, message: str
) -> None:
    pattern = Pattern.longformer(512, 128)
    with pytest.raises(ConfigError, match=f"^{message}$"):
        simulate_layer(replace(SALO, **settings), pattern, Layer(1, head_dim, 512, (0,)))
