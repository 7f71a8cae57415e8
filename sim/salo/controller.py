"""The controller of the SALO array: turns one tile command into the stage codes of column 0.

Obeys: the pass of `sim.arch.salo.config` and the codes of `sim.arch.salo.stages`; the artifact has no
controller. A cycle in which something that a stage needs is missing becomes an IDLE, which travels through
the array like any other code: nothing is frozen, and stages that have begun continue.
"""

from __future__ import annotations

from typing import NamedTuple

from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.stages import Stage, pass_stages


class ControllerInputs(NamedTuple):
    """What the controller sees in a cycle."""

    command_valid: bool  # a tile command is there, and stays until command_ready
    head_dim: int  # of the command: elements of a head; in WEIGHTED_SUM those of a value
    leaves: bool  # of the command: outputs of the local rows leave
    global_leaves: bool  # of the command: outputs of a global row leave
    operands_valid: bool  # an operand word is there
    output_free: bool  # there is room for the outputs of the local rows
    global_output_free: bool  # and for those of the global rows


class ControllerOutputs(NamedTuple):
    """What it shows in the same cycle."""

    stage: int  # Stage of column 0
    operands_ready: bool  # the operand word is used in this cycle
    command_ready: bool  # this is the tile's last cycle
    end: bool  # this is the last WEIGHTED_SUM of the tile
    reserve: bool  # room for a tile's local outputs is taken
    global_reserve: bool  # and for its global outputs


class Controller:
    """Runs tile commands one after the other: a stage code for column 0 in every cycle.

    What: for each command SCORE x head_dim, EXP x exp_latency, ROW_SUM, per_pass the wait and NORMALISE,
    WEIGHTED_SUM x head_dim, FLUSH x flush_cycles, and with overlap `drain` the cycles until the last column
    is done. SCORE and WEIGHTED_SUM take one operand word each; the first WEIGHTED_SUM of a tile whose outputs
    leave waits for room for them.

    When: the outputs answer in the same cycle. IDLE while something is missing.
    """

    def __init__(self, config: SaloConfig) -> None:
        self._phases = pass_stages(config.array)
        self.phase = 0
        self.step = 0

    @property
    def stage(self) -> Stage:
        """The stage that runs in the next cycle in which nothing is missing."""
        return self._phases[self.phase][0]

    def __call__(self, inputs: ControllerInputs) -> ControllerOutputs:
        """Answer to `inputs`, and go to the next cycle."""
        stage, cycles = self._phases[self.phase]
        takes_operand = stage in (Stage.SCORE, Stage.WEIGHTED_SUM)
        begins_values = stage is Stage.WEIGHTED_SUM and self.step == 0
        has_room = (inputs.output_free or not inputs.leaves) and (
            inputs.global_output_free or not inputs.global_leaves
        )
        runs = inputs.command_valid and (has_room or not begins_values)
        runs = runs and (inputs.operands_valid or not takes_operand)
        if not runs:
            return ControllerOutputs(Stage.IDLE, False, False, False, False, False)
        last_step = self.step == (cycles or inputs.head_dim) - 1
        last_phase = self.phase == len(self._phases) - 1
        if last_step:
            self.phase, self.step = 0 if last_phase else self.phase + 1, 0
        else:
            self.step += 1
        return ControllerOutputs(
            stage=stage,
            operands_ready=takes_operand,
            command_ready=last_step and last_phase,
            end=last_step and stage is Stage.WEIGHTED_SUM,
            reserve=begins_values and inputs.leaves,
            global_reserve=begins_values and inputs.global_leaves,
        )
