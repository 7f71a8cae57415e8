"""`sim.arch.blocks` against scales by exact arithmetic, and elements by ml_dtypes."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tandemsim.sim.arch.blocks import BLOCK_FORMATS, e8m0_value

EVERY = pytest.mark.parametrize("form", BLOCK_FORMATS.values(), ids=BLOCK_FORMATS)
ELEMENTS = {
    "mxfp4": ml_dtypes.float4_e2m1fn,
    "mxfp6-e2m3": ml_dtypes.float6_e2m3fn,
    "mxfp6-e3m2": ml_dtypes.float6_e3m2fn,
    "nvfp4": ml_dtypes.float4_e2m1fn,
}
ROWS = arrays(np.float64, (2, 70), elements=st.floats(-1e6, 1e6, width=32))


def test_codes_of_e8m0():
    wanted = np.arange(256, dtype=np.uint8).view(ml_dtypes.float8_e8m0fnu).astype(np.float64)
    assert np.array_equal(e8m0_value(np.arange(256)), wanted, equal_nan=True)


@EVERY
def test_storage_counts_the_scales(form):
    assert form.bits == {"mxfp4": 4.25, "mxint8": 8.25, "nvfp4": 4.5}.get(form.name, 6.25)


@given(st.sampled_from(["mxfp4", "mxfp6-e2m3", "mxfp6-e3m2"]), ROWS)
def test_elements_and_scales_of_microscaling_floats(name, rows):
    form = BLOCK_FORMATS[name]
    blocks = form.quantize(rows)
    top = int(np.floor(np.log2(form.largest)))
    for row, codes, scales in zip(rows, blocks.codes, blocks.scales, strict=True):
        for place, scale in enumerate(scales):
            block = row[32 * place : 32 * place + 32]
            peak = np.abs(block).max()
            wanted = 127 + int(np.floor(np.log2(peak))) - top if peak else 0
            assert scale == max(wanted, 0)
            inside = np.clip(block / 2.0 ** (int(scale) - 127), -form.largest, form.largest)
            elements = inside.astype(ELEMENTS[name]).astype(np.float64)
            assert np.array_equal(
                form.element.decode(codes[32 * place : 32 * place + 32]) * form.unit, elements
            )


@given(ROWS)
def test_elements_and_scales_of_nvfp4(rows):
    form = BLOCK_FORMATS["nvfp4"]
    blocks = form.quantize(rows)
    tensor = np.float32(np.abs(rows).max() / (448 * 6)) or 1.0
    assert blocks.tensor_scale == tensor
    padded = np.pad(rows, ((0, 0), (0, 10))).reshape(2, 5, 16)
    wanted = np.clip(np.abs(padded).max(axis=-1) / (6 * float(tensor)), 0, 448).astype(
        ml_dtypes.float8_e4m3fn
    )
    assert np.array_equal(blocks.scales.astype(np.uint8).view(ml_dtypes.float8_e4m3fn), wanted)


@EVERY
@given(rows=ROWS)
def test_the_error_is_within_a_step(form, rows):
    """Each element is within half of the widest step, or what saturates at the top of its block."""
    back = form.dequantize(form.quantize(rows))
    padded = np.pad(np.abs(rows), ((0, 0), (0, -rows.shape[1] % form.length)))
    peak = padded.reshape(2, -1, form.length).max(axis=-1).repeat(form.length, axis=-1)[:, : rows.shape[1]]
    tiny = 2.0**-126 + (np.abs(rows).max() * 2.0**-8 if form.float_scale else 0)
    assert (np.abs(back - rows) <= peak * 0.26 + tiny).all()


@EVERY
def test_a_quantized_tensor_stays_as_it_is(form):
    rows = np.random.default_rng(1).normal(size=(4, 96))
    once = form.dequantize(form.quantize(rows))
    if form.float_scale:
        return  # its scale of the tensor moves with the largest value
    assert np.array_equal(form.dequantize(form.quantize(once)), once)


@EVERY
def test_zeros_stay_zeros(form):
    assert not form.dequantize(form.quantize(np.zeros((2, 40)))).any()


@EVERY
def test_what_is_not_finite_is_refused(form):
    with pytest.raises(ValueError, match=f"only finite values become {form.name}$"):
        form.quantize([[1.0, np.nan]])
