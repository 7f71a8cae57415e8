"""What a circuit depends on: all of `config.circuit`, and nothing else of the machine."""

import functools
from dataclasses import fields, replace

import pytest

from tandemsim.rtl import build
from tandemsim.rtl.ant.gemm import AntGemm
from tandemsim.rtl.lib.names import circuit_digest
from tandemsim.rtl.salo.tile_engine import TileEngine
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.energy import EnergyConfig
from tandemsim.sim.arch.salo.config import GlobalProjections, SaloScheduling
from tandemsim.sim.arch.salo.numerics import PUBLISHED, Normalisation
from tandemsim.sim.arch.sram import BufferConfig
from tests.ant import draws
from tests.cosim.salo.configs import small
from tests.cosim.sample import WHOLE
from tests.rtl.changes import anonymous, single_changes

# Small machines in which nothing is left out that a field of the circuit is about.
MACHINES = {
    "salo": (
        TileEngine,
        small(
            PUBLISHED,
            rows=1,
            cols=2,
            head_dim=2,
            column_segments=2,
            normalisation=Normalisation.PER_PASS,
            global_projections=GlobalProjections.PRIVATE,
            sinks=True,
            value_dims=True,
        ),
    ),
    "ant": (
        AntGemm,
        draws.config(words=9, accumulators=8, rows=2, cols=2, formats=("int4", "flint4", "int8")),
    ),
    "taps": (
        AntGemm,
        draws.config(words=9, accumulators=8, rows=16, cols=2, formats=("e2m1",), taps="nvfp4"),
    ),
}
OF_THE_CIRCUIT = ("array.", "numerics.", "output_scratchpad.", "accumulator_scratchpad.")
ONE, OTHER = MACHINES["salo"][1], DRAMS["hbm2"]


@functools.cache
def changes_of(name):
    """Each change of a machine, and whether the circuit is another one. In `make test` every sixth."""
    kind, config = MACHINES[name]
    changes = [each for each in single_changes(config) if each[0].startswith(OF_THE_CIRCUIT)]
    text = anonymous(kind, config)
    chosen = changes if WHOLE else changes[::6]
    return config, [(field, other, anonymous(kind, other) != text) for field, other in chosen]


def different(config, other):
    """Return the fields of the digest in which two machines differ."""
    names = [field.name for field in fields(config.circuit)]
    return tuple(name for name in names if getattr(config.circuit, name) != getattr(other.circuit, name))


@pytest.mark.parametrize("name", MACHINES if WHOLE else ["salo", "ant"])
def test_two_circuits_have_two_digests(name):
    config, found = changes_of(name)
    for field, other, differs in found:
        assert not differs or circuit_digest(other) != circuit_digest(config), field


@pytest.mark.skipif(not WHOLE, reason="make proofs runs it")
@pytest.mark.parametrize("names", [("salo",), ("ant", "taps")])
def test_every_field_of_the_digest_can_make_another_circuit(names):
    seen = set()
    for name in names:
        config, found = changes_of(name)
        seen |= {each for _, other, differs in found if differs for each in different(config, other)}
    assert seen == {field.name for field in fields(config.circuit)}


@pytest.mark.parametrize("name", MACHINES)
def test_what_no_circuit_reads_is_not_in_the_digest(name):
    _, config = MACHINES[name]
    for field, other in single_changes(config):
        if not field.startswith(OF_THE_CIRCUIT):
            assert other != config and other.circuit == config.circuit, field


@pytest.mark.parametrize(
    "other",
    [
        replace(ONE, dram=OTHER, clock_hz=500_000_000, energy=EnergyConfig(clock_gating=0.5)),
        replace(ONE, scheduling=SaloScheduling(skip_masked=False)),
        replace(ONE, query_scratchpad=BufferConfig(capacity_bytes=1 << 20)),
        replace(ONE, numerics=replace(PUBLISHED, storage_width=16)),
    ],
    ids=["dram clock energy", "scheduling", "scratchpads", "storage"],
)
def test_machines_of_one_circuit_have_the_same_bytes_of_verilog(other):
    unit = build.Unit("salo", "weighted_sum")
    (text, sidecar), (same, own) = build.build(unit, ONE), build.build(unit, other)
    assert text == same
    different = {key for key in sidecar if sidecar[key] != own[key]}
    assert different == {"config"}
