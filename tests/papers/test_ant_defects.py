"""What is wrong in ANT's published cost model, a test for each: kept to reproduce it, corrected in `true`."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.papers.ant.cost_model import (
    array_of,
    costs_of,
    energy_of,
    problem_of,
    simulate,
    simulate_layers,
)
from tandemsim.sim.papers.ant.hardware import BATCH, Accelerator, accelerator
from tandemsim.sim.papers.ant.networks import NETWORKS, Layer, layers
from tandemsim.sim.papers.ant.search import ORDERS, Counters, search

LISTS = ("ant", "bitfusion", "olaccel", "biscaled", "adafloat")
LAYER = Layer(kind="conv", tokens=1, ic=64, oc=64, kernel_height=3, kernel_width=3, out=8, bits=4)


def one(layer: Layer, array: Accelerator | None = None, true: bool = False) -> Counters:
    (counted,) = simulate_layers(array or accelerator("ant-os"), [layer], true)
    return counted


def work(counted: Counters) -> int:
    return counted.cycles - counted.stalls


def kernel(height: int, width: int) -> Layer:
    return dataclasses.replace(LAYER, kernel_height=height, kernel_width=width)


def test_a_kernel_counts_as_the_square_of_its_height() -> None:
    assert one(kernel(7, 1)) == one(kernel(7, 7))
    assert one(kernel(1, 7)) == one(kernel(1, 1))
    assert one(kernel(7, 1), true=True) == one(kernel(1, 7), true=True)
    assert work(one(kernel(1, 7), true=True)) == 7 * work(one(kernel(1, 1)))


@pytest.mark.parametrize("network", list(NETWORKS))
def test_only_inception_has_kernels_that_are_not_square(network: str) -> None:
    macs = [sum(layer.macs(true) for layer in layers(network, "ant")) for true in (False, True)]
    if network == "inceptionv3":
        assert [round(found / 1e9, 2) for found in macs] == [9.70, 5.71]
    else:
        assert macs[0] == macs[1]


@pytest.mark.parametrize("lists", LISTS)
def test_the_patch_embedding_of_vit_is_in_one_list_alone(lists: str) -> None:
    assert len(layers("vit", lists)) == (50 if lists == "bitfusion" else 49)
    whole = layers("vit", lists, whole=True)
    assert (len(whole), whole[0].kernel_height, whole[0].macs()) == (50, 16, 196 * 16 * 16 * 3 * 768)
    assert whole[1:] == layers("vit", lists)[-49:]


def test_the_products_of_attention_are_in_no_list() -> None:
    tokens, hidden = 128, 768  # a layer of BERT-base: four projections, and two of the feed-forward network
    linear = tokens * (4 * hidden**2 + 2 * hidden * 4 * hidden)
    ends = hidden**2 + 2 * hidden  # pooler and classifier, on one token
    assert sum(layer.macs() for layer in layers("bert-cola", "ant")) == 12 * linear + ends


def test_leakage_of_scratchpads_is_searched_with_and_never_reported() -> None:
    idle = energy_of(accelerator("ant-os"), Counters(1000, 1000, 0, 0, 0, 0, 0, 0, 0, 0))
    assert idle.buffer == idle.dram == 0
    assert idle.static == pytest.approx(969.23)  # DRAM background alone
    assert idle.core == pytest.approx(131.715072)


def test_a_cycle_of_eight_bits_takes_the_array_as_much_energy_as_one_of_four() -> None:
    array = accelerator("ant-os")
    for bits in (4, 8):
        counted = one(dataclasses.replace(LAYER, bits=bits))
        expected = 0.131715072 * counted.cycles + 0.57335808 * work(counted)
        assert energy_of(array, counted).core == pytest.approx(expected)


def test_a_pixel_is_read_from_dram_once_for_every_tap() -> None:
    pixels = BATCH * LAYER.out**2
    for side in (1, 4):  # channels and taps that fill 32 columns of two 4-bit operands: no padding
        assert one(kernel(side, side)).input_writes == side**2 * pixels * LAYER.ic * LAYER.bits


def test_every_product_reads_both_operands_from_a_scratchpad() -> None:
    counted = one(LAYER)
    assert counted.input_reads == counted.weight_reads == BATCH * LAYER.macs() * LAYER.bits
    assert one(LAYER, accelerator("ant-ws")).input_reads == counted.input_reads


def test_activations_are_padded_to_columns_where_rows_would_be_right() -> None:
    array = dataclasses.replace(accelerator("ant-os"), cols=40)  # 72 channels: 2 x 64 by rows, 80 by columns
    layer = dataclasses.replace(kernel(1, 1), ic=72)
    assert one(layer, array).input_writes == BATCH * layer.out**2 * 80 * layer.bits


def test_partial_sums_never_come_back_from_dram() -> None:
    counted = one(LAYER)
    assert counted.dram_reads == counted.weight_writes + counted.input_writes
    assert counted.output_reads - counted.output_writes == counted.dram_writes


def test_the_size_of_an_output_tile_is_not_checked() -> None:
    array = accelerator("ant-os")
    found = np.empty((1, len(Counters._fields)), dtype=np.int64)
    problems = np.array([problem_of(LAYER)], dtype=np.int64)
    none_fits = array_of(array)._replace(half_outputs=1)  # an output has 16 bits
    search(problems, none_fits, costs_of(array), ORDERS, found)
    assert found[0, 0] > 0
    search(problems, array_of(array)._replace(half_inputs=1), costs_of(array), ORDERS, found)
    assert found[0, 0] == -1


def test_a_layer_without_a_tile_is_refused() -> None:
    with pytest.raises(ConfigError, match="must have a tile that fits half its scratchpads"):
        one(kernel(1000, 1000))


def test_filling_and_draining_the_array_take_no_time() -> None:
    operands = 64  # 32 rows of two 4-bit operands
    assert work(one(LAYER)) == BATCH * LAYER.out**2 // operands * LAYER.taps() * LAYER.ic


@pytest.mark.parametrize("name", ["ant-os", "bitfusion", "adafloat"])
def test_true_changes_nothing_but_inception_and_vit(name: str) -> None:
    for network in NETWORKS:
        published, true = simulate(name, network), simulate(name, network, true=True)
        if network == "inceptionv3":
            assert true.total.cycles < published.total.cycles
        elif network == "vit" and name != "bitfusion":
            assert true.total.cycles > published.total.cycles and true.layers[1:] == published.layers
        else:
            assert true == published


def test_true_makes_inception_as_much_faster_as_its_macs_are_fewer() -> None:
    published, true = (simulate("adafloat", "inceptionv3", true).total.cycles for true in (False, True))
    assert true / published == pytest.approx(5.71 / 9.70, rel=0.05)
