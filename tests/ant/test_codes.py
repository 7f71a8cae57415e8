"""`sim.arch.codes` against the artifact's grids, ml_dtypes and exact arithmetic."""

import dataclasses
import json
from fractions import Fraction
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.codes import FORMATS, CodeFormat, Kind, Ties, code_format

DATA = Path(__file__).parent / "data"
GRIDS = json.loads((DATA / "grids.json").read_text())
FLINT = json.loads((DATA / "flint_codes.json").read_text())
OCP = {
    "e2m1": ml_dtypes.float4_e2m1fn,
    "e2m3": ml_dtypes.float6_e2m3fn,
    "e3m2": ml_dtypes.float6_e3m2fn,
    "e4m3": ml_dtypes.float8_e4m3fn,
    "e5m2": ml_dtypes.float8_e5m2,
}
EVERY = pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)


def of_artifact(name: str) -> CodeFormat:
    """Return the format that a grid of the artifact is; its floats have 1, 2 or 3 exponent bits."""
    stem, size = name.rsplit("_", 1)
    signed, bits = size[0] == "s", int(size[1])
    kinds = {"int_value": Kind.INT, "pot_value": Kind.POT, "flint_value": Kind.FLINT}
    if stem in kinds:
        return CodeFormat(kinds[stem], signed, bits)
    exponent = min({"float1": 1, "float2": 2, "float_value": 3}[stem], bits - signed)
    return CodeFormat(Kind.FLOAT, signed, bits, bits - signed - exponent)


@pytest.mark.parametrize("name", [name for name in GRIDS if name not in ("source", "float1_s3")])
def test_the_values_are_the_artifacts_grid(name):
    assert of_artifact(name).grid.tolist() == np.unique(GRIDS[name]).tolist()


def test_one_grid_of_the_artifact_is_not_by_its_rule():
    # its signed float of 3 bits with one exponent bit has a 4 where the rule gives a 3
    assert np.unique(GRIDS["float1_s3"]).tolist() == [-4, -2, -1, 0, 1, 2, 4]
    assert of_artifact("float1_s3").grid.tolist() == [-3, -2, -1, 0, 1, 2, 3]


@pytest.mark.parametrize("bits", range(3, 9))
def test_codes_of_flint(bits):
    assert FORMATS[f"flint{bits}u"].value.tolist() == FLINT[f"flint_mag_{bits}bit"]


@EVERY
def test_negative_codes_mirror_the_positive_ones(form):
    if form.signed and form.kind is not Kind.INT:
        half = 1 << form.magnitude_bits
        assert np.array_equal(form.value[half:], -form.value[:half], equal_nan=True)
    assert form.grid[0] == (-form.largest if form.signed and form.kind is not Kind.INT else form.grid[0])


@pytest.mark.parametrize("name", OCP)
def test_codes_of_the_specification(name):
    form = FORMATS[name]
    codes = np.arange(1 << form.bits, dtype=np.uint8)
    values = codes.view(OCP[name]).astype(np.float64)
    assert np.array_equal(np.isfinite(values), form.finite)
    assert np.array_equal(values[form.finite], form.value[form.finite] * form.unit)


@pytest.mark.parametrize("name", OCP)
def test_encoding_rounds_as_the_specification(name):
    form = FORMATS[name]
    grid = form.grid.astype(np.float32)  # ml_dtypes rounds to float32 first
    middle = (grid[:-1] + grid[1:]) / 2
    drawn = (np.random.default_rng(0).uniform(-1, 1, 20_000) ** 5 * form.largest).astype(np.float32)
    around = [np.nextafter(middle, np.float32(side)) for side in (-np.inf, np.inf)]
    values = np.concatenate([grid, middle, *around, drawn]).astype(np.float64)
    wanted = (values * form.unit).astype(OCP[name]).astype(np.float64)
    assert np.array_equal(form.decode(form.encode(values)) * form.unit, wanted)


def nearest_up(form: CodeFormat, value: float) -> float:
    """The nearest value in exact arithmetic, ties to the larger."""
    return max(form.grid.tolist(), key=lambda each: (-abs(Fraction(each) - Fraction(value)), each))


@given(st.sampled_from(sorted(FORMATS)), st.data())
def test_encoding_is_the_nearest_value(name, data):
    form = dataclasses.replace(FORMATS[name], ties=Ties.UP)
    bound = 2 * form.largest
    neighbors = [float((a + b) / 2) for a, b in zip(form.grid, form.grid[1:], strict=False)]
    value = data.draw(st.floats(-bound, bound) | st.sampled_from(neighbors))
    assert form.decode(form.encode(value)) == nearest_up(form, value)


@EVERY
def test_codes_come_back_and_minus_zero_is_never_made(form):
    codes = np.flatnonzero(form.finite)
    back = form.encode(form.value[codes])
    minus_zero = (form.value[codes] == 0) & (codes > 0)
    assert np.array_equal(back, np.where(minus_zero, 0, codes))


@EVERY
def test_what_is_not_finite_is_refused(form):
    for value in (np.nan, np.inf, -np.inf):
        with pytest.raises(ValueError, match=f"only finite values become {form.name}$"):
            form.encode([0.0, value])


def test_the_product_of_decoded_operands_is_the_product_of_the_values():
    forms = list(FORMATS.values())
    for one in forms:
        for other in forms:
            base = one.base[one.finite][:, None] * other.base[other.finite]
            shift = one.shift[one.finite][:, None] + other.shift[other.finite]
            assert np.array_equal(
                np.ldexp(base * 1.0, shift), one.value[one.finite][:, None] * other.value[other.finite]
            )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("flint9", "flint must have 3 to 8 bits, not 9"),
        ("int2", "int must have 3 to 8 bits, not 2"),
        ("flnt4", "unknown number format 'flnt4'; did you mean 'flint4'"),
        ("e2m2x", "unknown number format 'e2m2x'; did you mean"),
    ],
)
def test_names_that_do_not_exist(name, message):
    with pytest.raises(ConfigError, match=f"^{message}"):
        code_format(name)


def test_names_are_those_of_the_formats():
    assert len(FORMATS) == 96
    for name, form in FORMATS.items():
        assert form.name == name and code_format(name) is form


def test_a_format_that_cannot_be():
    with pytest.raises(ConfigError, match="CodeFormat.mantissa must leave an exponent bit"):
        CodeFormat(Kind.FLOAT, True, 4, 3)
    with pytest.raises(ConfigError, match="CodeFormat.bits must be"):
        CodeFormat(Kind.INT, True, 9)
    with pytest.raises(ConfigError, match="CodeFormat.mantissa must be 0 unless of a float, not 1"):
        CodeFormat(Kind.INT, True, 4, 1)
