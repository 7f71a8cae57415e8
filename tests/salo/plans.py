"""Patterns on a small array, and their programs: what the tests of the machine look at."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tandemsim.sim.arch.salo.config import GlobalProjections, SaloArray, SaloConfig
from tandemsim.sim.arch.salo.numerics import Normalisation
from tandemsim.sim.arch.salo.presets import SALO
from tandemsim.sim.salo.layer.layout import Layer
from tandemsim.sim.salo.layer.program import Program, program
from tandemsim.sim.salo.scheduling.schedule import Schedule, schedule
from tandemsim.traces.pattern import Band, Pattern

HEADS, HEAD_DIM = 2, 16
PATTERNS = {
    "longformer": Pattern.longformer(60, 16),
    "globals": Pattern.longformer(50, 10, (30, 7, 8)),
    "dilated": Pattern.dilated(70, 7, 3),
    "two dilations": Pattern(seq_len=64, bands=(Band(-3, 3, 1), Band(-32, 32, 4)), global_tokens=(20,)),
    "vil": Pattern.vil(8, 7, 5, outside=2),
    "star": Pattern.star(40),
    "strided sparse": Pattern.strided_sparse(48, 6, 6),
    "dense": Pattern.dense(30),
    "one side": Pattern(seq_len=40, bands=(Band(20, 39, 1),)),
}
LANGUAGE = {
    "window": Pattern.causal_window(90, 24),
    "sinks": Pattern.causal_window(80, 16, sinks=2),
    "chunks": Pattern.chunked(70, 16),
    "prefill": Pattern.causal_window(96, 40, q_len=30, q_offset=66),
    "decode": Pattern.causal_window(96, 40, q_len=1, q_offset=95),
    "full": Pattern.causal_window(64, 64),
    "two bands": Pattern(seq_len=60, bands=(Band(-3, 0, 1), Band(-20, -10, 2)), causal=True),
}
ALL = pytest.mark.parametrize("name", PATTERNS)
FEEDS = pytest.mark.parametrize("feed", list(GlobalProjections))
SEGMENTS = pytest.mark.parametrize("segments", [1, 2])


def config_of(feed: GlobalProjections, segments: int) -> SaloConfig:
    array = SaloArray(
        rows=8,
        cols=8,
        head_dim=HEAD_DIM,
        column_segments=segments,
        normalisation=Normalisation.DEFERRED,
        global_projections=feed,
    )
    return replace(SALO, array=array)


def planned(name: str, feed: GlobalProjections, segments: int = 2) -> tuple[SaloConfig, Program]:
    pattern, config = PATTERNS[name], config_of(feed, segments)
    apart = feed is not GlobalProjections.SHARED
    found = schedule(pattern, config.array, config.scheduling, global_projections=apart)
    layer = Layer(HEADS, HEAD_DIM, pattern.seq_len, pattern.global_tokens)
    return config, program(config, found, layer)


def own_granule(schedule: Schedule, token: int, tile: int, rows: int) -> frozenset[int]:
    """The keys that move with a token: up to `rows` neighbors of its residue class."""
    dilation = int(schedule.dilation[schedule.block[tile]])
    inside = token - schedule.outside
    place = inside // dilation // rows * rows
    first = schedule.outside + inside % dilation + place * dilation
    return frozenset(range(first, min(first + rows * dilation, schedule.seq_len), dilation))
