"""Scale search and choice of type against the artifact's rule, written plainly, and laws."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.codes import FORMATS, Kind
from tandemsim.sim.quantize.candidates import CANDIDATES, ORDER, format_of, formats_of
from tandemsim.sim.quantize.choice import best_of, choose, is_signed
from tandemsim.sim.quantize.finite import as_doubles
from tandemsim.sim.quantize.scales import Span, rounded, search

NAMES = [*sorted(name for name, form in FORMATS.items() if form.bits <= 5), "int8", "int8u", "flint6"]
NUMBERS = st.floats(-1000, 1000, width=32).map(lambda x: 0.0 if abs(x) < 1e-6 else x)


def tensors(channels: int = 3, most: int = 24):
    return st.integers(1, most).flatmap(lambda n: arrays(np.float64, (channels, n), elements=NUMBERS))


def plain(row: list[float], grid: list[float], low: int, high: int) -> tuple[int, float]:
    """The artifact's search, number by number: its grid has the maximum 10, `<=` takes the larger of two."""
    grid = [value * 10 / max(grid) for value in sorted(grid)]
    best = (0, math.inf)
    for i in range(low, high):
        scale = max(map(abs, row)) * i / 100 / 10
        error = 0.0
        for x in row:
            distance, nearest = 102400.0, 0.0
            for value in grid:
                if abs(x / scale - value) <= distance:
                    distance, nearest = abs(x / scale - value), value
            error += (nearest * scale - x) ** 2
        if error / len(row) < best[1]:
            best = (i, error / len(row))
    return best


@given(st.sampled_from(NAMES), tensors(most=6), st.integers(1, 90), st.integers(1, 60))
def test_the_search_is_the_artifacts(name, values, low, count):
    form, span = FORMATS[name], Span(low=low, high=max(low + count, 96))
    found = search(values, form, span, store="float64")
    for row, percent, mse in zip(values, found.percent, found.mse, strict=True):
        if not row.any():
            assert mse == 0
            continue
        first = 95 if form.bits > 6 else low
        wanted, least = plain(row.tolist(), form.grid.tolist(), first, span.high)
        slack = 1e-12 * float(row @ row)  # of floats added in another order
        assert mse == pytest.approx(least, rel=1e-9, abs=slack)
        if percent != wanted:  # two errors that differ by rounding alone
            again = plain(row.tolist(), form.grid.tolist(), int(percent), int(percent) + 1)[1]
            assert again == pytest.approx(least, rel=1e-9, abs=slack)


def test_of_equal_errors_the_first_percentage_is_taken():
    # in exact arithmetic: -1 is left at 0 whatever the scale, and 0 stays 0
    values = np.array([[-1.0, 0.0, 0.0]])
    assert search(values, FORMATS["int4u"]).percent.tolist() == [75]
    # at 100 and at 200 % the value is one of the grid, and at none between them
    powers = np.array([[4.0, 4.0]])
    assert search(powers, FORMATS["pot4"], Span(100, 201)).percent.tolist() == [100]
    assert search(powers, FORMATS["pot4"], Span(101, 201)).percent.tolist() == [200]


def test_ties_go_to_the_larger_value():
    values = np.array([[-7.0, -2.5, -0.5, 0.5, 2.5, 7.0]])
    assert rounded(values, FORMATS["int4"], np.ones(1)).tolist() == [[-7, -2, 0, 1, 3, 7]]


@given(st.sampled_from(NAMES), tensors(most=80), st.sampled_from(["float16", "float32", "float64"]))
def test_sums_of_sorted_values_pick_the_same_scales(name, values, store):
    try:
        plainly = search(values, FORMATS[name], store=store, by_sums=False)
    except ConfigError:
        return
    sums = search(values, FORMATS[name], store=store, by_sums=True)
    assert all(np.array_equal(one, other) for one, other in zip(plainly, sums, strict=True))


@given(st.sampled_from(NAMES), tensors())
def test_the_error_is_that_of_the_rounded_values(name, values):
    form = FORMATS[name]
    found = search(values, form)
    exact = [
        float(sum((Fraction(a) - Fraction(b)) ** 2 for a, b in zip(one, other, strict=True)) / len(one))
        for one, other in zip(values.tolist(), rounded(values, form, found.scale).tolist(), strict=True)
    ]
    assert found.mse == pytest.approx(exact, rel=1e-9, abs=1e-18)


@given(st.sampled_from(NAMES), tensors(), st.integers(-40, 40))
def test_a_tensor_times_a_power_of_two_has_scales_times_that(name, values, power):
    form = FORMATS[name]
    one, other = search(values, form), search(np.ldexp(values, power), form)
    zeros = ~values.any(axis=-1)
    assert np.array_equal(one.percent, other.percent)
    assert np.array_equal(np.where(zeros, 1, np.ldexp(one.scale, power)), other.scale)
    assert np.array_equal(np.ldexp(one.mse, 2 * power), other.mse)


@given(st.sampled_from(NAMES), tensors(channels=4))
def test_channels_are_independent(name, values):
    form = FORMATS[name]
    whole = search(values, form)
    rows = [search(row[None], form) for row in values]
    for part, parts in zip(whole, zip(*rows, strict=True), strict=True):
        assert np.array_equal(part, np.concatenate(parts))


@given(st.sampled_from(NAMES), tensors(), st.integers(50, 74), st.integers(151, 170))
def test_more_percentages_never_have_a_larger_error(name, values, low, high):
    form = FORMATS[name]
    assert (search(values, form, Span(low, high)).mse <= search(values, form).mse).all()


@given(st.sampled_from(sorted(CANDIDATES)), st.sampled_from(sorted(CANDIDATES)), tensors(), st.integers(3, 8))
def test_more_types_never_have_a_larger_error(one, other, values, bits):
    if set(CANDIDATES[one]) <= set(CANDIDATES[other]):
        few, many = (choose(values, CANDIDATES[name], bits, True) for name in (one, other))
        assert many.mse <= few.mse


@given(tensors(most=12), st.sampled_from([Kind.POT, Kind.FLINT]), st.integers(3, 5), st.booleans())
def test_a_bit_more_is_never_worse_where_its_grid_holds_the_other(values, kind, bits, signed):
    """Each grid of powers of two, and of flints, is a part of the next one, in the same unit. So with one
    scale the error cannot be larger; this scale need not be one of the next format's percentages.
    """
    values = values if signed else np.abs(values)
    few, more = format_of(kind, bits, signed), format_of(kind, bits + 1, signed)
    found = search(values, few, store="float64")
    same = ((rounded(values, more, found.scale) - values) ** 2).mean(axis=-1)
    assert (same <= found.mse * (1 + 1e-12)).all()


@given(tensors(channels=4), st.sampled_from(["int4", "flint4", "pot4"]))
def test_a_scale_for_each_channel_is_never_worse_than_one_for_all_that_each_may_take(values, name):
    """A channel may take the tensor's scale only if that is among its own percentages, so channels have the
    same largest magnitude here."""
    values[:, 0] = np.abs(values).max()
    each, whole = search(values, FORMATS[name]), search(values.reshape(1, -1), FORMATS[name])
    assert each.mse.mean() <= whole.mse[0] * (1 + 1e-12)


def test_the_order_of_types_decides_between_equal_errors():
    zeros = np.zeros((2, 5))
    assert [each.kind for each in formats_of(ORDER, 4, True)] == [Kind.INT, Kind.FLINT, Kind.POT, Kind.FLOAT]
    assert choose(zeros, [Kind.FLOAT, Kind.POT, Kind.FLINT], 4, True).form.kind is Kind.FLINT
    # signed floats of 4 bits are powers of two: the earlier one is taken
    assert np.array_equal(format_of(Kind.FLOAT, 4, True).grid, FORMATS["pot4"].grid)
    powers = np.array([[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]])
    assert choose(powers, [Kind.FLOAT, Kind.POT], 4, True, Span(100, 101)).form.kind is Kind.POT


@pytest.mark.parametrize("name", CANDIDATES)
def test_above_six_bits_every_set_is_of_integers(name):
    for bits in (7, 8):
        assert [each.kind for each in formats_of(CANDIDATES[name], bits, False)] == [Kind.INT]
    assert {each.kind for each in formats_of(CANDIDATES[name], 6, False)} == set(CANDIDATES[name])


@pytest.mark.parametrize("bits, signed, name", [(4, True, "e3m0"), (4, False, "e3m1u"), (3, True, "e2m0")])
def test_floats_have_three_bits_of_exponent(bits, signed, name):
    assert format_of(Kind.FLOAT, bits, signed).name == name


def test_grids_of_the_sets_are_the_artifacts():
    normal = np.random.default_rng(0).normal(size=(1, 4096))
    uniform = np.random.default_rng(0).uniform(-1, 1, (1, 4096))
    heavy = np.random.default_rng(0).standard_t(2, (1, 4096))
    names = [choose(each, CANDIDATES["IP-F"], 4, True).form.name for each in (uniform, normal, heavy)]
    assert names == ["int4", "flint4", "pot4"]


def test_best_of_takes_formats_of_any_kind():
    powers = np.array([[0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]])
    assert best_of(powers, [FORMATS["int4"], FORMATS["e2m1"]], Span(100, 101)).form.name == "e2m1"
    assert best_of(powers, [FORMATS["e2m1"]], Span(100, 101)).mse == 0


def test_an_activation_is_signed_if_a_value_is_negative():
    assert not is_signed(np.array([[0.0, -0.0, 3.0]]))
    assert is_signed(np.array([[0.0, -1e-30]]))


@pytest.mark.parametrize(
    "values, message",
    [
        ([[1.0, np.nan]], r"tensor 'w' must be finite, and holds NaN at \[0, 1\]"),
        (
            [[1.0, np.inf], [-np.inf, 0]],
            r"tensor 'w' must be finite, and holds infinity at \[0, 1\], the first of 2",
        ),
        ([], "tensor 'w' must hold at least one element"),
        (["a"], "tensor 'w' must hold real numbers, not <U1"),
        ([1j], "tensor 'w' must hold real numbers, not complex128"),
    ],
)
def test_what_cannot_be_quantized_is_refused_by_name(values, message):
    with pytest.raises(ConfigError, match=f"^{message}"):
        as_doubles("w", values)


def test_scales_that_do_not_fit_their_store_are_refused():
    with pytest.raises(ConfigError, match=r"a scale must fit float16, and 1\.07e\+08"):
        search(np.array([[1e9]]), FORMATS["int4"], store="float16")
    with pytest.raises(ConfigError, match="a scale must fit float32, and 1.07e-46"):
        search(np.array([[1e-45]]), FORMATS["int4"])
    assert search(np.array([[1e300]]), FORMATS["int4"], store="float64").mse == 0


@pytest.mark.parametrize("low, high", [(0, 100), (75, 95), (120, 120), (80, 20_000)])
def test_spans_that_cannot_be(low, high):
    with pytest.raises(ConfigError, match=r"^Span\."):
        Span(low, high)


def test_above_six_bits_the_search_begins_at_95_percent():
    span = Span(80, 150)
    assert [span.percent(bits)[[0, -1]].tolist() for bits in (4, 6, 7, 8)] == [[80, 149]] * 2 + [
        [95, 149]
    ] * 2
    # zeros cost nothing at any percentage, so the first one is taken
    assert search(np.zeros((1, 3)), FORMATS["int8"], span).percent.tolist() == [95]
    assert search(np.zeros((1, 3)), FORMATS["int6"], span).percent.tolist() == [80]
