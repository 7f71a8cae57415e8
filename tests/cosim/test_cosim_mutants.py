"""A sample of `make mutants`: faults in the generated netlist are seen, and without one nothing is."""

import pytest

from tests.cosim import simulators
from tests.mutants.campaign import Campaign, by_name

# One of each kind that a designer makes, on the smallest array. Verilator takes half a minute to build that,
# so where there is only Verilator, faults of a PE go into a PE alone.
ARRAY = {
    "register stage added": "bare/pe/kv_out.added",
    "register stage removed": "bare/weighted_sum/divided.removed",
    "operator flipped": "bare/pe/total.flip",
    "constant changed": "bare/controller/in_values.B0.plus1",
    "mask bit dropped": "bare/array/pe_1_1.kv_valid_in0.stuck1",
    "reset dropped": "bare/pe/score.unreset",
}
PE = {
    "register stage added": "bare/pe/kv_out.added",
    "register stage removed": "bare/pe/kv_out.removed",
    "operator flipped": "bare/pe/total.flip",
    "constant changed": "bare/pe/exp_stage.B0.plus1",
    "mask bit dropped": "bare/pe/active.Q0.const1",
    "reset dropped": "bare/pe/score.unreset",
}


# Of ANT, faults of its smallest foot, in that alone.
ANT = {
    "register stage added": "one/array.foot/leaves.added",
    "operator flipped": "one/array.foot/last_word.flip",
    "constant changed": "one/array.foot/sub-dc70.B0.minus1",
    "old word read": "one/array.foot/read__data.stale",
}


@pytest.mark.parametrize("simulator", simulators.found()[:1])
def test_small_faults_are_caught_and_none_is_seen_without_them(simulator):
    faults, stage = (ARRAY, "tiles") if simulator == "icarus" else (PE, "unit")
    assert_caught(faults, stage, simulator)


@pytest.mark.parametrize("simulator", simulators.found()[:1])
def test_small_faults_of_ants_foot_are_caught_in_the_foot_alone(simulator):
    assert_caught(ANT, "unit", simulator)


def assert_caught(faults, stage, simulator):
    names = list(faults.values())
    # Raises if the netlist without a fault differs from the model.
    verdicts = Campaign(by_name(names), simulator, jobs=2).run([stage])
    assert {verdict.fault.name: verdict.stage for verdict in verdicts} == dict.fromkeys(names, stage)
