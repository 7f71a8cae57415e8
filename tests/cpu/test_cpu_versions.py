"""Which versions are kept: against every subset, and by what they are for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tandemsim.sim.arch.cpu.presets import THREADRIPPER_3990X, THREADRIPPER_3990X_SHARED
from tandemsim.sim.cpu.curves import KNOT_BYTES, missing
from tandemsim.sim.cpu.layers import layers_of
from tandemsim.sim.cpu.network import network_tables
from tandemsim.sim.cpu.shapes import Shape, conv_shape
from tandemsim.sim.cpu.tiles import tilings
from tandemsim.sim.cpu.versions import CORES, LEVELS, Candidates, versions_of
from tandemsim.traces import codec

WIDE = {"in_channels": 256, "out_channels": 512, "kernel": (1, 1), "stride": 1, "groups": 1}
LAYER = conv_shape(places=28 * 28, width=28, image=28 * 28 * 256, **WIDE)  # type: ignore[arg-type]


def shapes() -> list[Shape]:
    trace = codec.load(codec.find("googlenet"))
    return list(dict.fromkeys(layer.shape for layer in layers_of(trace, trace.ops).layers))


def test_the_shipped_version_is_the_fastest_on_an_idle_machine() -> None:
    for shape in shapes()[:12]:
        candidates = Candidates(shape, tilings(shape, 512 * 1024), THREADRIPPER_3990X)
        row = candidates.kept(1)[0]
        counts = range(16, 65, 4)
        means = np.mean([np.log(candidates.solo(count)) for count in counts], 0)
        assert means[row] == pytest.approx(means.min())


def test_of_versions_that_take_as_long_the_one_with_less_traffic_ships() -> None:
    """Both loop orders of a tile take the same time alone; weights that each island reads cost DRAM later."""
    large = conv_shape(
        places=49,
        width=7,
        image=49 * 512,
        in_channels=512,
        out_channels=2048,
        kernel=(1, 1),
        stride=1,
        groups=1,
    )
    found = versions_of(large, THREADRIPPER_3990X)
    assert found.tilings.weights_once[found.shipped]


def test_each_version_more_is_the_one_that_helps_most() -> None:
    candidates = Candidates(LAYER, tilings(LAYER, 512 * 1024), THREADRIPPER_3990X)
    kept = candidates.kept(5)
    assert len(set(kept)) == 5
    times = np.stack(
        [np.log(candidates.solo(c) + candidates.stalls(c, *level)) for c in CORES for level in LEVELS], 1
    )
    for count in range(1, len(kept)):
        best = times[kept[:count]].min(0)
        gains = best.mean() - np.minimum(times, best).mean(1)
        assert gains[kept[count]] == pytest.approx(gains.max()) and gains.max() > 0


def test_more_versions_are_never_slower_and_the_shipped_one_stays() -> None:
    for shape in shapes()[:20]:
        few, many = versions_of(shape, THREADRIPPER_3990X, 1), versions_of(shape, THREADRIPPER_3990X, 5)
        assert len(few.start_seconds) == 1 and 1 <= len(many.start_seconds) <= 5
        assert few.tilings.chunks[0] == many.tilings.chunks[many.shipped]
        for cores in CORES:
            alone = few.start_seconds + -(-few.tilings.chunks // cores) * few.chunk_seconds
            best = many.start_seconds + -(-many.tilings.chunks // cores) * many.chunk_seconds
            assert best.min() <= alone[0]


def test_data_that_fit_are_never_missed_and_in_no_room_all_that_is_read_again_is() -> None:
    once, kept = np.array([0.0, 0.4])[:, None, None], 1e6
    again = np.exp(-KNOT_BYTES / kept)
    survival = once + (1 - once) * again
    occupied = once * KNOT_BYTES + (1 - once) * kept * (1 - again)
    assert missing(survival, occupied, 1e6 * 1.01)[0].max() == 0
    assert missing(survival, occupied, 1e-3)[:, 0] == pytest.approx([1.0, 0.6], abs=1e-3)
    rooms = [missing(survival, occupied, room)[1, 0] for room in (1e4, 1e5, 1e6, 1e7)]
    assert rooms == sorted(rooms, reverse=True)


@pytest.mark.parametrize("config", (THREADRIPPER_3990X, THREADRIPPER_3990X_SHARED))
def test_tables_number_layers_and_versions_through(config: object) -> None:
    traces = [codec.load(codec.find(name)) for name in ("tiny-yolov2", "googlenet")]
    tables = network_tables(traces, config)  # type: ignore[arg-type]
    counts = [len(layers_of(trace, trace.ops).layers) for trace in traces]
    assert tables.first_layer.tolist() == [0, counts[0], sum(counts)]
    assert tables.first_version[-1] == len(tables.chunks) == len(tables.survival)
    between = (tables.first_version[:-1] <= tables.shipped) & (tables.shipped < tables.first_version[1:])
    assert between.all()
    assert tables.macs.sum() == sum(trace.macs for trace in traces)


def test_versions_of_another_machine_are_its_own() -> None:
    small = replace(THREADRIPPER_3990X, cores=4)
    assert versions_of(LAYER, small).chunk_seconds.sum() > 0
