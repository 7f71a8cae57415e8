import math

import pytest

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.energy import (
    KIB,
    EnergyConfig,
    SramTraffic,
    add_pj,
    divide_pj,
    mac_pj,
    multiply_pj,
    register_pj,
    shift_pj,
    sram_pj,
    sram_read_pj_per_byte,
)

ENERGY = EnergyConfig()


@pytest.mark.parametrize(
    "found, published",
    [
        # Horowitz, ISSCC 2014, 45 nm and 0.9 V, in pJ.
        (add_pj(ENERGY, 8), 0.03),
        (add_pj(ENERGY, 32), 0.1),
        (multiply_pj(ENERGY, 8, 8), 0.2),
        (multiply_pj(ENERGY, 32, 32), 3.1),
        (8 * sram_read_pj_per_byte(ENERGY, 8 * KIB), 10.0),
        (8 * sram_read_pj_per_byte(ENERGY, 32 * KIB), 20.0),
        (8 * sram_read_pj_per_byte(ENERGY, 1024 * KIB), 100.0),
    ],
)
def test_scaled_energies_pass_through_the_published_points(found: float, published: float) -> None:
    assert found == pytest.approx(published)


def test_registers_cost_what_aladdin_publishes_for_a_clocked_and_written_bit() -> None:
    # REG at 2 ns: 9.011432e-03 pJ in all; 3.967495e-03 mW internal, 5.381930e-04 mW switching.
    assert register_pj(ENERGY, 1, 1) == pytest.approx(9.011432e-3, rel=1e-4)
    assert register_pj(ENERGY, 1, 0) == pytest.approx(3.967495e-3 * 2, rel=1e-4)
    assert register_pj(ENERGY, 0, 1) == pytest.approx(5.381930e-4 * 2, rel=1e-4)


def test_clock_gating_spares_the_clock_and_not_the_writes() -> None:
    gated = EnergyConfig(clock_gating=0.75)
    assert register_pj(gated, 4, 1) == pytest.approx(register_pj(ENERGY, 1, 1))


def test_a_nine_bit_multiply_accumulate_is_interpolated_by_width() -> None:
    # 81 of the products' range 64..1024, and 18 of the sums' range 8..32.
    by_hand = 0.2 + (81 - 64) / 960 * 2.9 + 0.03 + 10 / 24 * 0.07
    assert mac_pj(ENERGY, 9, 9, 18) == pytest.approx(by_hand)
    assert mac_pj(ENERGY, 9, 9, 18) == pytest.approx(0.3105208, rel=1e-6)


def test_arithmetic_costs_more_with_every_bit_and_never_nothing() -> None:
    for cost in (add_pj, divide_pj, shift_pj):
        costs = [cost(ENERGY, width) for width in range(2, 33)]
        assert costs[0] > 0
        assert costs == sorted(costs) and len(set(costs)) == len(costs)


def test_a_shift_of_32_bits_passes_five_levels_of_gates() -> None:
    assert shift_pj(ENERGY, 32) == pytest.approx(5 * 0.01803786)


def test_sram_reads_grow_with_about_the_root_of_the_capacity() -> None:
    for kib in (1, 2, 4, 8, 16, 32, 64, 128, 512, 2048):
        small = sram_read_pj_per_byte(ENERGY, kib * KIB)
        exponent = math.log2(sram_read_pj_per_byte(ENERGY, 2 * kib * KIB) / small)
        assert 0.4 < exponent < 0.55


def test_the_traffic_of_a_scratchpad_is_charged_per_byte_and_direction() -> None:
    # 32 KiB: 2.5 pJ a byte read, 0.039731 / 0.032993 times that a byte written.
    cost = sram_pj(ENERGY, SramTraffic(capacity_bytes=32 * KIB, read_bytes=1000, write_bytes=10))
    assert cost == pytest.approx(2500 + 25 * 0.039731 / 0.032993, rel=1e-4)


def test_an_sram_without_capacity_is_refused() -> None:
    with pytest.raises(ConfigError, match="capacity of an SRAM must be a positive integer, not 0"):
        sram_read_pj_per_byte(ENERGY, 0)


@pytest.mark.parametrize("field, value", [("add_8b_pj", -0.1), ("clock_gating", 1.5), ("clock_gating", -1.0)])
def test_energies_out_of_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"EnergyConfig.{field} must be"):
        EnergyConfig(**{field: value})


def test_half_way_between_two_published_capacities_is_their_geometric_mean() -> None:
    assert 8 * sram_read_pj_per_byte(ENERGY, 16 * KIB) == pytest.approx(math.sqrt(10.0 * 20.0))
    between = int(math.sqrt(32 * 1024) * KIB)
    assert 8 * sram_read_pj_per_byte(ENERGY, between) == pytest.approx(math.sqrt(20.0 * 100.0), rel=1e-4)
