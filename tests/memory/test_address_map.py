"""Address maps: the bits that Ramulator 2.1 states, against division and remainder, and one to one."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.dram.config import DramConfig
from tandemsim.sim.arch.dram.standards import DRAMS
from tests.memory.jedec import CONFIG, STANDARDS
from tests.memory.places import MAPS, bank_of, place, sizes
from tests.memory.replay import located

FIELDS = {"pseudo-channel": "rank", "bank group": "group", "column (burst index in row)": "column"}


def small(name: str, *, channels: int = 1, ranks: int = 1, mapping: str = "mop4clxor") -> DramConfig:
    """A preset with 8 rows of 16 bursts a bank, so that all of it can be looked at."""
    standard = replace(DRAMS[name].standard, name="small", rows=8, row_bytes=16 * DRAMS[name].burst_bytes)
    return replace(DRAMS[name], standard=standard, channels=channels, ranks=ranks, mapping=mapping)


def expected(config: DramConfig, addresses: np.ndarray) -> np.ndarray:
    places = [place(config, int(address)) for address in addresses]
    return np.array([(where.channel, bank_of(config, where), where.row) for where in places])


@pytest.mark.parametrize("name", STANDARDS)
@pytest.mark.parametrize("mapping", MAPS)
def test_each_address_bit_names_what_ramulator_says(name: str, mapping: str) -> None:
    """One address bit at a time; what a column bit is XORed into comes on top of it."""
    config = replace(DRAMS[name], mapping=mapping)
    key = {"robaracoch": "address_bits_RoBaRaCoCh", "mop4clxor": "address_bits_MOP4CLXOR_before_xor"}[mapping]
    taken = dict.fromkeys(sizes(config), 0)
    for entry in CONFIG[STANDARDS[name]][key]:
        field = FIELDS.get(entry["field"], entry["field"].split(" bits")[0])
        for bit in range(entry["bits"][0], entry["bits"][1] + 1):
            where = place(config, 1 << bit)
            if field != "offset in burst":
                assert getattr(where, field) == 1 << taken[field], (field, bit)
                taken[field] += 1
            else:
                assert where == place(config, 0)
            assert (located(config, np.array([1 << bit])) == expected(config, np.array([1 << bit]))).all()
    assert {field: 2**bits for field, bits in taken.items()} == sizes(config)


MAPPINGS = [
    *MAPS,
    "row-column-bank-rank-group-channel",
    "row-column-bank^-rank^-group^-channel^",
    "channel-bank^-rank-group^-row-column-column3",
]


@settings(max_examples=60)
@given(
    st.sampled_from(list(STANDARDS)),
    st.sampled_from(MAPPINGS),
    st.sampled_from([1, 2, 8]),
    st.sampled_from([1, 2]),
    st.lists(st.integers(0, 2**33 - 1), min_size=1, max_size=30),
)
def test_the_kernel_finds_what_division_and_remainder_find(
    name: str, mapping: str, channels: int, ranks: int, addresses: list[int]
) -> None:
    ranks = 1 if name == "hbm2" else ranks
    config = replace(DRAMS[name], mapping=mapping, channels=channels, ranks=ranks)
    at = np.array(addresses) % config.capacity_bytes
    assert (located(config, at) == expected(config, at)).all()


@pytest.mark.parametrize("name", STANDARDS)
@pytest.mark.parametrize("mapping", MAPPINGS)
def test_every_burst_of_the_capacity_has_a_place_of_its_own(name: str, mapping: str) -> None:
    config = small(name, channels=2, ranks=1 if name == "hbm2" else 2, mapping=mapping)
    bursts = np.arange(config.capacity_bytes // config.burst_bytes) * config.burst_bytes
    found = located(config, bursts)
    assert (found == expected(config, bursts)).all()
    columns = [place(config, int(address)).column for address in bursts]
    assert len({(*where, column) for where, column in zip(found.tolist(), columns, strict=True)}) == len(
        bursts
    )
    assert found.max(axis=0).tolist() == [1, config.timing.banks - 1, config.standard.rows - 1]


def test_addresses_beyond_the_capacity_wrap() -> None:
    config = small("ddr4-2400", channels=2)
    bursts = np.arange(4096) * config.burst_bytes
    assert (located(config, bursts) == located(config, bursts + config.capacity_bytes)).all()


def test_the_ideal_memory_is_one_row() -> None:
    addresses = np.array([0, 63, 64, 1 << 39])
    assert located(DRAMS["ideal"], addresses).tolist() == [[0, 0, 0]] * 4


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ("mop4clxr", "unknown DramConfig.mapping 'mop4clxr'; did you mean 'mop4clxor'?"),
        (
            "row-bnk-group-rank-column-channel",
            "unknown field of DramConfig.mapping 'bnk'; did you mean 'bank' or 'rank'?",
        ),
        (
            "row-bank-group-rank-column",
            "DramConfig.mapping must name each of channel, rank, group, bank, row, col",
        ),
        ("row-row-bank-group-rank-column-channel", "DramConfig.mapping must name each of"),
        (
            "row2-bank-group-rank-column-channel",
            "only the column of DramConfig.mapping may be split, not 'row2'",
        ),
        (
            "row-bank-group-rank-column^-channel",
            "the column of DramConfig.mapping cannot be XORed with itself",
        ),
        (
            "row-bank-group-rank-column-channel-column9",
            "DramConfig.mapping must take at most 7 column bits, not 9",
        ),
    ],
)
def test_a_map_that_is_none_is_refused(mapping: str, message: str) -> None:
    with pytest.raises(ConfigError, match="^" + re.escape(message)):
        replace(DRAMS["ddr4-2400"], mapping=mapping)
