"""The array without its controller: stage codes and words into its ports, words out in their cycles."""

import pytest

from tandemsim.rtl.salo.array import PEArray as Circuit
from tandemsim.rtl.testbench.salo_tiles import random_heads, random_tiles
from tandemsim.rtl.testbench.words import pack
from tandemsim.sim.arch.salo.ports import global_output_fields, output_fields
from tandemsim.sim.arch.salo.stages import Stage
from tandemsim.sim.salo.array import PEArrayInputs
from tandemsim.sim.salo.controller import Controller, ControllerInputs
from tandemsim.sim.salo.tile_engine import TileEngine
from tests.cosim import harness
from tests.cosim.salo.configs import CONFIGS
from tests.cosim.sample import ON_EACH, WHOLE


def inputs_of(config, transfers, nothing):
    """One tuple a cycle, without a pause: what the controller and the two streams would show."""
    controller, words = Controller(config), iter(t.word for t in transfers["operands"])
    for command in (t.word for t in transfers["command"]):
        ready = False
        while not ready:
            shown = controller(ControllerInputs(True, command.head_dim, False, False, True, True, True))
            word = next(words) if shown.operands_ready else nothing
            yield PEArrayInputs(shown.stage, shown.end, command, word)
            ready = shown.command_ready


@pytest.mark.skipif(not WHOLE, reason="a build of most of a minute: make cosim")
@ON_EACH
@pytest.mark.parametrize("name", ["deferred", "wide"] if WHOLE else ["wide"])
def test_outputs_leave_a_fixed_lag_behind_their_last_stage(name, simulator):
    config = CONFIGS[name]
    schedule = random_tiles(config.array, 8, seed=6)
    heads = random_heads(config, schedule.seq_len, config.array.head_dim, apart=True, seed=7)
    transfers = TileEngine(config).run(schedule, heads)
    nothing = transfers["operands"][0].word
    given = [*inputs_of(config, transfers, nothing)]
    idle = given[-1]._replace(stage=Stage.IDLE, end=False)
    given += [idle] * config.array.global_output_lag

    shown = harness.run_ports(Circuit(config), simulator, given, "array")

    in_values = [cycle for cycle, i in enumerate(given) if i.stage == Stage.WEIGHTED_SUM]
    for port, lag, fields, ends in (
        ("output", config.array.output_lag, output_fields(config), lambda c: c.last),
        (
            "global_output",
            config.array.global_output_lag,
            global_output_fields(config),
            lambda c: c.global_last.any(),
        ),
    ):
        cycles = [cycle + lag for cycle in in_values if ends(given[cycle].command)]
        found = {cycle: row[port] for cycle, row in enumerate(shown) if row[f"{port}_valid"]}
        wanted = [pack(fields, t.word) for t in transfers[port]]
        assert found == dict(zip(cycles, wanted, strict=True))
