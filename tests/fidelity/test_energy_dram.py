import pytest

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.dram.energy import DramDevices, DramTraffic, Rail, terminated_pj_per_bit
from tandemsim.sim.arch.dram.energy_table import DRAM_ENERGY, dram_energy
from tandemsim.sim.arch.dram.standards import DRAMS


def test_a_burst_costs_what_its_current_adds_to_standby() -> None:
    # One device, 1 V, 1 ns: mA are pJ a clock. Reads add 100 mA for 4 clocks to 50 bytes; writes 50 mA.
    rail = Rail(volts=1.0, idd0_ma=60, idd2n_ma=30, idd3n_ma=40, idd4r_ma=140, idd4w_ma=90, idd5b_ma=240)
    found = DramDevices(
        rails=(rail,),
        devices=1,
        tck_ns=1.0,
        ras_cycles=30,
        rc_cycles=40,
        burst_cycles=4,
        burst_bytes=50,
        rfc_cycles=10,
        refi_cycles=1000,
        interface_pj_per_bit=0.5,
    ).energy
    assert found.read_pj_per_byte == pytest.approx(100 * 4 / 50 + 4)
    assert found.write_pj_per_byte == pytest.approx(50 * 4 / 50 + 4)
    assert found.activate_pj == pytest.approx(60 * 40 - 40 * 30 - 30 * 10)
    assert found.background_w == pytest.approx(0.040)
    assert found.refresh_w == pytest.approx(0.200 * 10 / 1000)


def test_ddr4_2400_follows_from_its_datasheet_by_hand() -> None:
    found = dram_energy("ddr4-2400")
    per_clock = 1.2 * 8 * 0.833  # pJ of a mA through eight devices for a clock
    interface = 8 * 1.2**2 / (34 + 48) * 0.625 / 2.4e9 * 1e12
    assert found.read_pj_per_byte == pytest.approx((135 - 43) * per_clock * 4 / 64 + interface)
    assert found.write_pj_per_byte == pytest.approx((123 - 43) * per_clock * 4 / 64 + interface)
    assert found.activate_pj == pytest.approx((48 * 55 - 43 * 39 - 34 * 16) * per_clock)
    assert found.background_w == pytest.approx(0.4128)


def test_two_devices_cost_twice_one_except_at_the_interface() -> None:
    rail = Rail(volts=1.2, idd0_ma=48, idd2n_ma=34, idd3n_ma=43, idd4r_ma=135, idd4w_ma=123, idd5b_ma=250)
    times = {"tck_ns": 0.8, "ras_cycles": 39, "rc_cycles": 55, "burst_cycles": 4, "burst_bytes": 8}
    times |= {"rfc_cycles": 420, "refi_cycles": 9364, "interface_pj_per_bit": 0.0}
    one, two = (DramDevices(rails=(rail,), devices=count, **times).energy for count in (1, 2))
    for field in ("read_pj_per_byte", "write_pj_per_byte", "activate_pj", "background_w", "refresh_w"):
        assert getattr(two, field) == pytest.approx(2 * getattr(one, field))


def test_a_rail_at_half_the_voltage_costs_a_quarter() -> None:
    rail = Rail(volts=1.1, idd0_ma=45, idd2n_ma=27, idd3n_ma=30, idd4r_ma=275, idd4w_ma=210, idd5b_ma=90)
    half = rail.at(0.55)
    for name in ("idd0_ma", "idd2n_ma", "idd3n_ma", "idd4r_ma", "idd4w_ma", "idd5b_ma"):
        assert half.volts * getattr(half, name) == pytest.approx(rail.volts * getattr(rail, name) / 4)


def test_a_terminated_line_costs_half_its_low_power_and_an_eighth_for_the_strobe() -> None:
    # 1 V over 100 ohm: 10 mW while low; at 1 Gb/s 10 pJ a bit.
    assert terminated_pj_per_bit(1.0, 60, 40, 1e9) == pytest.approx(10 * 0.625)


def test_a_run_is_charged_for_bytes_activations_and_time() -> None:
    found = dram_energy("ddr4-2400")
    moved = found.pj(DramTraffic(read_bytes=100, write_bytes=10, activates=3), seconds=0)
    by_hand = 100 * found.read_pj_per_byte + 10 * found.write_pj_per_byte + 3 * found.activate_pj
    assert moved == pytest.approx(by_hand)
    idle = found.pj(DramTraffic(0, 0, 0, channels=2), seconds=1e-6)
    assert idle == pytest.approx(2 * (found.background_w + found.refresh_w) * 1e6)


def test_every_dram_of_the_catalogue_has_its_energies() -> None:
    assert set(DRAM_ENERGY) == set(DRAMS)


def test_an_unknown_standard_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="'ddr4-2133'; did you mean 'ddr4-"):
        dram_energy("ddr4-2133")


@pytest.mark.parametrize("name", ["ddr4-2400", "ddr4-3200"])
def test_a_busy_ddr4_channel_is_below_the_range_of_horowitz(name: str) -> None:
    # Horowitz: 1.3 to 2.6 nJ for 64 bits, of DDR3's days. The band and its reason: docs/fidelity.md.
    found, peak_bytes_per_second = dram_energy(name), {"ddr4-2400": 19.2e9, "ddr4-3200": 25.6e9}[name]
    standing = (found.background_w + found.refresh_w) * 1e12 / peak_bytes_per_second
    word_pj = 8 * (found.read_pj_per_byte + found.activate_pj / 8192 + standing)
    assert 1300 / 2 < word_pj < 1300


def test_hbm2_costs_the_published_energy_a_bit() -> None:
    # O'Connor et al. give 3.92 pJ a bit, activation included, at the row locality of their applications.
    found = dram_energy("hbm2")
    with_activation = found.read_pj_per_byte / 8 + found.activate_pj / (1024 * 8)
    assert with_activation == pytest.approx(3.92, rel=0.15)
