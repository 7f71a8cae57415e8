import dataclasses

import pytest

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.dram.energy import DramEnergy, DramTraffic
from tandemsim.sim.arch.energy import EnergyConfig, SramTraffic
from tandemsim.sim.arch.salo.config import GlobalProjections, SaloArray, SaloConfig
from tandemsim.sim.arch.salo.energy import (
    PUBLISHED_POWER_W,
    PUBLISHED_SYNTHESIS_HZ,
    SaloActions,
    SaloWork,
    area_mm2,
    array_actions_pj,
    array_leakage_w,
    array_pj,
    array_power_w,
    is_published,
    register_bits,
    salo_actions,
    salo_energy,
    sum_actions,
)
from tandemsim.sim.arch.salo.gates import array_mm2
from tandemsim.sim.arch.salo.numerics import PUBLISHED, WIDE, Normalisation
from tandemsim.sim.arch.salo.presets import SALO, SALO_DAC22
from tandemsim.sim.machines.salo.notes import notes
from tandemsim.sim.report.contract import TensorTraffic

ENERGY = EnergyConfig()
PER_PASS = SaloArray()
DEFERRED = SaloArray(normalisation=Normalisation.DEFERRED)
TINY = SaloArray(rows=2, cols=2, head_dim=4, global_rows=0, global_cols=0)  # four PEs
NOTHING = SaloActions(*[0] * 10)
SUM, MERGED_SUM = PUBLISHED.row_sum.width, PUBLISHED.merge_sum.width
RECIPROCAL, MERGE_WEIGHT = PUBLISHED.reciprocal.fraction, PUBLISHED.merge_weight_fraction
GATE = 0.01803786 / 32
EXPONENTIAL, CONTROLLER = 368 / 434 * 0.2, 171 / 434 * 0.2  # gates, each as one of a multiplier's


def add(width: int) -> float:
    return 0.03 + 0.07 * (width - 8) / 24


def multiply(width_a: int, width_b: int) -> float:
    return 0.2 + 2.9 * (width_a * width_b - 64) / 960


def test_the_multiply_accumulate_slots_of_a_run_are_used_or_idle() -> None:
    # Four PEs for 2 passes of 4 + 4 cycles have 64 slots; 6 pairs use 8 each.
    work = SaloWork(cycles=99, passes=2, head_dim=4, v_dim=4, pairs=6, merged_rows=3, finished_rows=2)
    found = salo_actions(TINY, work)
    assert (found.qk_macs, found.pv_macs, found.idle_slots) == (24, 24, 16)
    assert (found.exponentials, found.row_sums, found.normalisations) == (6, 6, 6)
    assert (found.merged, found.outputs, found.cycles) == (12, 8, 99)


def test_per_pass_divides_twice_a_row_and_pass_and_deferred_once_a_row() -> None:
    work = SaloWork(cycles=1, passes=20, head_dim=4, v_dim=4, pairs=6, merged_rows=30, finished_rows=2)
    assert salo_actions(PER_PASS, work).reciprocals == 60
    deferred = salo_actions(DEFERRED, work)
    assert (deferred.reciprocals, deferred.normalisations) == (2, 0)


def test_more_pairs_than_the_passes_can_hold_are_refused() -> None:
    with pytest.raises(ConfigError, match="SaloWork.pairs must fit the PEs of its passes, not 9"):
        salo_actions(
            TINY, SaloWork(cycles=1, passes=2, head_dim=4, v_dim=4, pairs=9, merged_rows=0, finished_rows=0)
        )


def test_actions_of_ops_add_up() -> None:
    one = SaloActions(*range(1, 11))
    assert sum_actions([one, one]) == tuple(2 * count for count in one)
    assert sum_actions([]) == NOTHING


def test_the_published_array_has_the_registers_of_its_circuit() -> None:
    # PE.scala: q 9, kv 9, sum 18, sum_exp 5, stage 3, acc 18, prob 9, max_exp 5; the sum has guard bits here.
    pe = 9 + 9 + max(18, SUM) + 5 + 3 + 18 + 9 + 5
    assert pe - 76 in (0, 1, 2)
    # Weighted-sum unit: 64 x 18 bits (24 in the global row), two sums, the exponent, two weights.
    unit = 2 * MERGED_SUM + PUBLISHED.merge_exponent_width + 2 * MERGE_WEIGHT
    assert register_bits(PER_PASS, PUBLISHED) == 1088 * pe + 32 * (unit + 64 * 18) + (unit + 64 * 24)


def test_the_energy_of_a_tiny_run_is_the_sum_by_hand() -> None:
    """Per pass, published widths; the constants are those of the table in docs/energy.md."""
    clock, write = 0.00793499, 0.001076386
    actions = SaloActions(24, 24, 16, 6, 6, 6, 6, 12, 8, 99)
    arithmetic = 24 * (multiply(9, 9) + add(18))  # QK
    arithmetic += 6 * EXPONENTIAL + 99 * CONTROLLER
    arithmetic += 24 * (multiply(9, 9) + add(18))  # PV
    arithmetic += 6 * (add(SUM) + 2 * 5 * SUM * GATE)  # row sum: two shifters of 5 levels
    arithmetic += 6 * multiply(9, RECIPROCAL)  # probability times reciprocal
    arithmetic += 6 * multiply(SUM, SUM)  # division
    arithmetic += 12 * (add(18) + 2 * multiply(18, MERGE_WEIGHT))  # merge
    pe, unit = 58 + SUM, 2 * MERGED_SUM + PUBLISHED.merge_exponent_width + 2 * MERGE_WEIGHT
    bits = 4 * pe + 2 * (unit + 4 * 18)
    written = 24 * (9 + 9 + 18) + 24 * (9 + 18) + 8 * (18 + 27) + 6 * 18 + 6 * SUM + 6 * 9 + 12 * 18
    by_hand = arithmetic + bits * 99 * clock + written * write
    assert array_pj(ENERGY, TINY, PUBLISHED, actions) == pytest.approx(by_hand)


def test_deferred_shifts_partial_sums_and_multiplies_outputs_instead() -> None:
    free = dataclasses.replace(ENERGY, register_clock_pj_per_bit=0.0, register_toggle_pj_per_bit=0.0)
    tiny = dataclasses.replace(TINY, normalisation=Normalisation.DEFERRED)

    def pj(array: SaloArray, **counts: int) -> float:
        return array_pj(free, array, PUBLISHED, NOTHING._replace(**counts))

    shift24 = 24 * 5 * GATE
    assert pj(tiny, pv_macs=1) - pj(TINY, pv_macs=1) == pytest.approx(shift24 + add(24) - add(18))
    assert pj(tiny, merged=1) == pytest.approx(add(24) + 2 * shift24)
    assert pj(tiny, outputs=1) == pytest.approx(multiply(24, RECIPROCAL))
    assert pj(TINY, outputs=1) == 0


def test_a_stalled_cycle_costs_the_clock_and_the_controller() -> None:
    busy = NOTHING._replace(qk_macs=7, cycles=10)
    stalled = busy._replace(cycles=11)
    clock = register_bits(PER_PASS, PUBLISHED) * ENERGY.register_clock_pj_per_bit
    difference = array_pj(ENERGY, PER_PASS, PUBLISHED, stalled) - array_pj(ENERGY, PER_PASS, PUBLISHED, busy)
    assert difference == pytest.approx(clock + CONTROLLER)


def test_an_idle_slot_costs_its_registers_and_no_arithmetic() -> None:
    # Half of QK (query and key move: 18 bits), half of PV (value and partial sum: 27 bits).
    idle = array_pj(ENERGY, PER_PASS, PUBLISHED, NOTHING._replace(idle_slots=2))
    assert idle == pytest.approx((18 + 27) * 0.001076386)


def test_the_parts_of_the_energy_are_array_scratchpad_dram_and_leakage() -> None:
    """A microsecond at 1 GHz; DRAM of 1 pJ a byte and 1 mW."""
    dram = DramEnergy(
        read_pj_per_byte=1.0, write_pj_per_byte=2.0, activate_pj=5.0, background_w=8e-4, refresh_w=2e-4
    )
    pads = {"key": SramTraffic(32 * 1024, 400, 0), "value": SramTraffic(32 * 1024, 0, 0)}
    actions = NOTHING._replace(cycles=1000)
    found = salo_energy(
        ENERGY, PER_PASS, PUBLISHED, actions, pads, DramTraffic(100, 10, 1), dram, clock_hz=1_000_000_000
    )
    spent = {name: pj for name, pj in found.items() if pj}
    clock = register_bits(PER_PASS, PUBLISHED) * 0.00793499
    assert spent == pytest.approx(
        {
            "array.controller": 1000 * CONTROLLER,
            "array.register_clock": 1000 * clock,
            "scratchpad.key": 400 * 20 / 8,
            "dram.read": 100,
            "dram.write": 20,
            "dram.activate": 5,
            "dram.background": 800,
            "dram.refresh": 200,
            "static.array": array_leakage_w(ENERGY, PER_PASS, PUBLISHED) * 1e6,
            "static.scratchpad": 65_536 * 7.658e-7 * 1e6,
        }
    )


def test_the_actions_of_the_array_add_up_to_its_energy() -> None:
    actions = SaloActions(7, 11, 13, 17, 19, 23, 29, 31, 37, 41)
    for array in (PER_PASS, DEFERRED):
        parts = array_actions_pj(ENERGY, array, PUBLISHED, actions)
        assert sum(parts.values()) == pytest.approx(array_pj(ENERGY, array, PUBLISHED, actions))
        assert (parts["normalise"] > 0) and min(parts.values()) >= 0


def test_half_the_clock_halves_the_dynamic_power_and_keeps_the_leakage() -> None:
    leakage = array_leakage_w(ENERGY, PER_PASS, PUBLISHED)
    fast, slow = (array_power_w(ENERGY, PER_PASS, PUBLISHED, hz) for hz in (1_000_000_000, 500_000_000))
    assert fast - leakage == pytest.approx(2 * (slow - leakage))
    assert 0 < leakage < 0.05 * slow


def test_the_power_of_the_published_array_is_near_its_synthesis() -> None:
    """docs/fidelity.md: within a factor of 1.5, at the clock of the synthesis."""
    ratio = array_power_w(ENERGY, PER_PASS, PUBLISHED, PUBLISHED_SYNTHESIS_HZ) / PUBLISHED_POWER_W
    assert 1 / 1.5 < ratio < 1.5


def test_wider_formats_cost_more() -> None:
    for array in (PER_PASS, DEFERRED):
        narrow, wide = (array_power_w(ENERGY, array, numerics, 500_000_000) for numerics in (PUBLISHED, WIDE))
        assert wide > narrow


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": 16},
        {"global_rows": 0},
        {"column_segments": 2},
        {"normalisation": Normalisation.DEFERRED},
        {"global_projections": GlobalProjections.PRIVATE},
    ],
)
def test_the_published_area_is_of_the_published_circuit_alone(changes: dict[str, object]) -> None:
    assert area_mm2(PER_PASS, PUBLISHED) == 4.56
    for array, numerics in ((PER_PASS, WIDE), (dataclasses.replace(PER_PASS, **changes), PUBLISHED)):
        assert not is_published(array, numerics)
        assert area_mm2(array, numerics) == array_mm2(array, numerics) != 4.56


def test_deferred_keeps_two_alignment_shifts_and_wider_sums_in_every_pe() -> None:
    one_pe = SaloArray(rows=1, cols=1, head_dim=1, global_rows=0, global_cols=0)
    deferred = dataclasses.replace(one_pe, normalisation=Normalisation.DEFERRED)
    shifts, partial_sum, merge_buffer = 2 * 5, 24 - SUM, 24 - 18
    by_hand = shifts + partial_sum + merge_buffer
    assert register_bits(deferred, PUBLISHED) - register_bits(one_pe, PUBLISHED) == by_hand


def test_leakage_is_that_of_the_units_by_their_area() -> None:
    """One row of two PEs: two multipliers and adders, one divider, one merge multiplier, all registers."""
    row = SaloArray(rows=1, cols=2, head_dim=4, global_rows=0, global_cols=0)
    multiplier, adder, bit = 4.831147e-5 / 1024, 2.380803e-6 / 32, 7.395312e-8
    by_hand = 2 * (81 * multiplier + 18 * adder) + (SUM * SUM + 18 * MERGE_WEIGHT) * multiplier
    by_hand += register_bits(row, PUBLISHED) * bit
    assert array_leakage_w(ENERGY, row, PUBLISHED) == pytest.approx(by_hand)


def test_a_report_says_what_its_area_is() -> None:
    """An estimate, unknown, or published; for the published preset also what that takes by the same count."""

    def of_area(config: SaloConfig, preset: str = "salo") -> list[str]:
        return [note for note in notes(config, preset, {}) if "rea is" in note or "mm²" in note]

    assert of_area(SALO) == [
        "Area is an estimate from the gates of our array, cells alone, without scratchpads."
    ]
    unknown = dataclasses.replace(SALO, array=dataclasses.replace(SALO.array, merge_latency=2))
    assert of_area(unknown) == [
        "Area is not known: the gates of an array of these widths and latencies were not counted."
    ]
    assert of_area(SALO_DAC22, "salo-dac22") == [
        "Area is the published one; beside those of other configurations belongs 9.82 mm², our count."
    ]
    wider = dataclasses.replace(SALO_DAC22, array=dataclasses.replace(SALO_DAC22.array, rows=16))
    assert of_area(wider, "salo-dac22")[-1] == (
        "The published array takes 4.56 mm²; counted like this one, 9.82 mm²."
    )


def test_notes_are_of_this_run_alone() -> None:
    """What does not apply is not said; what no circuit can do, and what is read again, is."""
    usual = list(notes(SALO, "salo", {"key": TensorTraffic(read_bytes=100, write_bytes=0, size_bytes=100)}))
    assert not any("publish" in note and "pJ" not in note and "energies" not in note for note in usual)
    again = list(notes(SALO, "salo", {"key": TensorTraffic(read_bytes=1720, write_bytes=0, size_bytes=100)}))
    assert again[0].startswith("Each key is read 17.2 times") and "key_scratchpad.capacity_bytes" in again[0]
    odd = dataclasses.replace(
        SALO, array=dataclasses.replace(SALO.array, flush_cycles=0), clock_hz=1_000_000_000_000
    )
    said = " ".join(notes(odd, "salo", {}))
    assert "No circuit can be built with array.flush_cycles=0" in said
    assert "1,000 GHz is faster than any" in said
