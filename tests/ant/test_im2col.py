"""Implicit im2col: reads and bank conflicts against an explicit list of addresses, sorted and counted."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest

from tandemsim.sim.ant.im2col import WORD, Patches
from tandemsim.sim.ant.layers import Bits, Image
from tandemsim.sim.ant.plan_banks import bank_conflicts
from tandemsim.sim.arch.ant.config import AntArray, Dataflow

R = 64


class Read(NamedTuple):
    """A code of im2col's matrix that lies inside the image."""

    place: int
    k: int
    pixel: int
    code: int  # its address: pixels one after the other, channels innermost


def image(
    side: int, channels: int, kernel: int, stride: int = 1, pad: int = 0, dilation: int = 1, width: int = 0
) -> Image:
    sides = side, width or side
    places = [(each + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1 for each in sides]
    return Image(*sides, channels, kernel, kernel, stride, stride, dilation, dilation, pad, pad, *places)


def listed(each: Image, m: int, tm: int, k: int, tk: int) -> list[Read]:
    """Return all codes of a tile, one by one."""
    found = []
    for place in range(m, m + tm):
        item, rest = divmod(place, each.out_height * each.out_width)
        row, col = divmod(rest, each.out_width)
        for column in range(k, k + tk):
            tap, channel = divmod(column, each.channels)
            down, right = divmod(tap, each.kernel_w)
            y = row * each.stride_h + down * each.dilation_h - each.pad_top
            x = col * each.stride_w + right * each.dilation_w - each.pad_left
            if 0 <= y < each.height and 0 <= x < each.width:
                pixel = (item * each.height + y) * each.width + x
                found.append(Read(place, column, pixel, pixel * each.channels + channel))
    return found


def drawn(rng: np.random.Generator) -> tuple[Image, int]:
    """Return an image and how many places there are in two of them."""
    kernel, stride, pad, dilation = (int(rng.integers(low, 4)) for low in (1, 1, 0, 1))
    side, width = (int(each) for each in rng.integers(10, 15, 2))
    each = image(side, int(rng.choice([1, 3, 4, 16, 20, 40])), kernel, stride, pad, dilation, width)
    return each, 2 * each.out_height * each.out_width


def part(rng: np.random.Generator, size: int) -> tuple[int, int]:
    first = int(rng.integers(0, size))
    return first, int(rng.integers(1, size - first + 1))


def test_reads_are_the_codes_inside_the_image_each_as_often_as_it_is_needed() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        each, places = drawn(rng)
        rows, columns = part(rng, places), part(rng, each.kernel_h * each.kernel_w * each.channels)
        assert Patches(each).reads(*rows, *columns) == len(listed(each, *rows, *columns))


def waits_of(
    each: Image, rows: tuple[int, int], columns: tuple[int, int], block: int, banks: int
) -> list[int]:
    """Return the conflicts of each block, from the list of addresses.

    A place's codes come in the order of k. A word is up to `WORD` codes that are neighbors in memory and
    belong to one place, and lies in the bank of its first pixel.
    """
    found = []
    few = each.channels < WORD and each.dilation_w == 1
    run = each.channels * (each.kernel_w if few else 1)
    for first in range(rows[0], sum(rows), block):
        reads = listed(each, first, min(block, sum(rows) - first), *columns)
        words: dict[tuple[int, int], dict[int, list[Read]]] = {}
        for read in reads:
            word = read.k // run, read.k % run // WORD
            words.setdefault(word, {}).setdefault(read.place, []).append(read)
        waits = 0
        for (number, chunk), by_place in words.items():
            begin = number * run + chunk * WORD
            lasts = len(range(max(columns[0], begin), min(sum(columns), begin + WORD, (number + 1) * run)))
            banked = Counter(min(read.pixel for read in some) % banks for some in by_place.values())
            waits += max(0, max(banked.values()) - lasts)
        found.append(waits)
    return found


def test_conflicts_are_those_of_the_fullest_bank_word_by_word() -> None:
    rng = np.random.default_rng(1)
    some = 0
    for _ in range(400):
        each, places = drawn(rng)
        rows, columns = part(rng, places), part(rng, each.kernel_h * each.kernel_w * each.channels)
        block, banks = int(rng.integers(4, 40)), int(rng.choice([2, 3, 4, 8]))
        expected = waits_of(each, rows, columns, block, banks)
        assert Patches(each).conflicts(*rows, *columns, block, banks).tolist() == expected
        some += sum(expected) > 0
    assert some > 200


def fullest(each: Image) -> int:
    """Return the most places whose words are in one bank, over all taps, blocks beginning in many places."""
    patches, most = Patches(each), 0
    places = each.out_height * each.out_width
    for tap in range(each.kernel_h * each.kernel_w):
        for start in range(0, min(each.out_width, places - R + 1), max(1, each.out_width // 14)):
            served = patches._served(np.arange(start, places), tap, tap, R, R)
            most = max(most, int(served.max()))
    return most


@pytest.mark.parametrize(
    ("name", "each", "most"),
    [
        ("stride 1", image(56, 64, 3, pad=1), 1),
        ("a point", image(28, 256, 1), 1),
        ("dilation 2", image(28, 64, 3, pad=2, dilation=2), 1),
        ("stride 2", image(56, 128, 3, stride=2, pad=1), 3),
        ("a point, stride 2", image(28, 512, 1, stride=2), 4),
        ("the first layer", image(224, 3, 7, stride=2, pad=3), 3),
        ("patches", image(224, 3, 16, stride=16), 19),
    ],
)
def test_how_many_of_64_places_meet_in_a_bank(name: str, each: Image, most: int) -> None:
    """What the figures say: alike in the first cases, at most so many in the others."""
    assert fullest(each) == most


def test_words_of_16_codes_hide_all_conflicts_but_those_of_patches() -> None:
    for each in (image(56, 128, 3, stride=2, pad=1), image(224, 3, 7, stride=2, pad=3)):
        places, k = each.out_height * each.out_width, each.kernel_h * each.kernel_w * each.channels
        assert not Patches(each).conflicts(0, places, 0, k, R, R).any()
    patches = Patches(image(224, 3, 16, stride=16))
    waits = patches.conflicts(0, 196, 0, 768, R, R)
    assert waits.any()


def test_codes_of_a_place_are_runs_of_one_word_or_of_an_even_and_an_odd_one() -> None:
    """Weight stationary, in every cycle: of at most R codes those of a kernel row touch two words at most."""
    rng = np.random.default_rng(2)
    for _ in range(200):
        each = image(20, int(rng.integers(1, 90)), int(rng.integers(1, 5)), pad=int(rng.integers(0, 3)))
        k, tk = part(rng, each.kernel_h * each.kernel_w * each.channels)
        if each.channels >= R:  # tiles are cut where a word of R channels begins
            k, tk = k // R * R, R
        reads = listed(each, int(rng.integers(0, each.out_height * each.out_width)), 1, k, min(tk, R))
        words: dict[int, set[int]] = {}
        for read in reads:
            words.setdefault(read.k // (each.channels * each.kernel_w), set()).add(read.code // R)
        for some in words.values():
            assert len({word % 2 for word in some}) == len(some)


def _last(waits: list[int], sizes: list[int], k: int, columns: int) -> int:
    """Return when the last pair of a task enters: each block's is due K and its waits after the one before,
    or as many cycles as that one has rows.
    """
    time, before = 0, 0
    for _ in range(-(-columns // 8)):
        for wait, size in zip(waits, sizes, strict=True):
            time, before = time + max(k + wait, before), size
    return time


@pytest.mark.parametrize("bits", [Bits(4, 4, (1, 1)), Bits(8, 4, (2, 1))])
def test_a_task_is_as_much_longer_as_its_blocks_wait(bits: Bits) -> None:
    rng = np.random.default_rng(4)
    array = AntArray(rows=16, cols=8, dataflow=Dataflow.OUTPUT_STATIONARY)
    some = 0
    for _ in range(40):
        each = image(24, int(rng.choice([1, 3])), 4, stride=4)
        rows, k, columns = part(rng, 36), part(rng, each.channels * 16), int(rng.integers(1, 30))
        block = 16 // bits.operands[0]
        waits = Patches(each).conflicts(*rows, *k, block, 16).tolist()
        sizes = [min(block, rows[1] - first) * bits.operands[0] for first in range(0, rows[1], block)]

        layer = SimpleNamespace(image=each, bits=bits)
        first, total = bank_conflicts(array, layer, rows, columns, k)  # type: ignore[arg-type]
        assert first == (waits[0] if total else 0)
        assert total == _last(waits, sizes, k[1], columns) - _last([0] * len(waits), sizes, k[1], columns)
        some += total > 0
    assert some > 10
