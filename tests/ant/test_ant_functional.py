"""Products through the array's arithmetic: numpy's, and those of the engine tile by tile."""

from __future__ import annotations

import numpy as np
import pytest

from tandemsim.sim.ant.functional import Coded, longest, parts_of_k, run_gemm
from tandemsim.sim.ant.gemm import AntGemm
from tandemsim.sim.arch.ant.config import AntArray, Dataflow, Overflow
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.codes import FORMATS, CodeFormat
from tests.ant import draws
from tests.ant.cut import cut
from tests.ant.test_gemm_values import FLOWS, LEFT, RIGHT, whole


@pytest.mark.parametrize("activation", LEFT)
@pytest.mark.parametrize("weight", RIGHT)
def test_a_product_of_codes_is_that_of_their_values(activation: str, weight: str) -> None:
    rng = np.random.default_rng(list(map(ord, activation + weight)))
    config = draws.config(rows=8, cols=8, formats=tuple(dict.fromkeys((activation, weight))))
    m, k, n = (int(size) for size in rng.integers(1, 90, 3))
    forms = FORMATS[activation], FORMATS[weight]
    left, right = draws.codes(rng, forms[0], (m, k)), draws.codes(rng, forms[1], (k, n))
    scales = rng.random(m) + 0.5, rng.random(n) + 0.5
    found = run_gemm(config, Coded(left, forms[0], scales[0]), Coded(right, forms[1], scales[1]))
    values = forms[0].value[left], forms[1].value[right]
    assert (found.sums == (values[0] @ values[1]).astype(np.int64)).all()
    expected = (values[0] * scales[0][:, None]) @ (values[1] * scales[1])
    assert np.allclose(found.output, expected, rtol=1e-12, atol=1e-9)
    assert found.saturations == 0


def slices(array: AntArray, forms: tuple[CodeFormat, CodeFormat]) -> int | list[slice]:
    """Return the parts of a K of 160; where sums stay in the PEs the functional model chooses."""
    return 160 if array.stationary else parts_of_k(array, *forms, 160)


@pytest.mark.parametrize("flow", Dataflow)
@pytest.mark.parametrize("overflow", Overflow)
def test_it_is_what_the_engine_makes_tile_by_tile(flow: Dataflow, overflow: Overflow) -> None:
    rng = np.random.default_rng(list(map(ord, flow + overflow)))
    saturated = 0
    for names, width in ((("int4", "int4"), 9), (("flint4", "flint4"), 12), (("int8u", "int4"), 12)):
        forms = FORMATS[names[0]], FORMATS[names[1]]
        config = draws.config(
            rows=8,
            cols=6,
            dataflow=flow,
            formats=tuple(dict.fromkeys(names)),
            foot_width=width if overflow is Overflow.SATURATE else 32,
            overflow=overflow,
            accumulator_width=14 if flow is Dataflow.OUTPUT_STATIONARY else 20,
        )
        left, right = draws.codes(rng, forms[0], (19, 160)), draws.codes(rng, forms[1], (160, 11))
        entering, shape = (names, left, right), (19, 11)
        if flow is Dataflow.INPUT_STATIONARY:  # the transposed product
            entering, shape = ((names[1], names[0]), right.T, left.T), (11, 19)
        tiles, parts = cut(config, *entering, slices(config.array, forms), rng)
        engine = AntGemm(config).run(tiles)
        found = run_gemm(config, Coded(left, forms[0]), Coded(right, forms[1]))
        sums = whole(config, parts, engine.sums, shape, entering[0])
        assert ((sums.T if flow is Dataflow.INPUT_STATIONARY else sums) == found.sums).all()
        assert engine.saturations == found.saturations
        saturated += found.saturations
    assert (saturated > 0) == (overflow is Overflow.SATURATE)


@pytest.mark.parametrize(
    ("activation", "weight", "terms"), [("int8u", "int8", 65_793), ("pot4", "pot4", 524_287)]
)
def test_a_sum_that_might_not_fit_is_refused_with_its_limit(activation: str, weight: str, terms: int) -> None:
    forms = FORMATS[activation], FORMATS[weight]
    config = draws.config(formats=(activation, weight))
    assert longest(config.array, *forms) == terms
    left, right = np.zeros((1, terms + 1), np.int64), np.zeros((terms + 1, 1), np.int64)
    said = f"for sums of {activation} and {weight} in 32 bits, not {terms + 1}"
    with pytest.raises(ConfigError) as refused:
        run_gemm(config, Coded(left, forms[0]), Coded(right, forms[1]), "encoder.3")
    assert str(refused.value) == f"encoder.3: K must be at most {terms} {said}"
    assert run_gemm(config, Coded(left[:, 1:], forms[0]), Coded(right[1:], forms[1])).sums.tolist() == [[0]]


@pytest.mark.parametrize(("activation", "weight"), [("int8u", "int8"), ("int8", "int8")])
def test_the_worst_sum_of_the_longest_k_fits_and_one_more_does_not(activation: str, weight: str) -> None:
    forms = FORMATS[activation], FORMATS[weight]
    config = draws.config(foot_width=20, formats=(activation, weight))
    terms = longest(config.array, *forms)
    worst = [np.ones((1, terms), np.int64) * code for code in (255 if activation == "int8u" else 128, 128)]
    sums = run_gemm(config, Coded(worst[0], forms[0]), Coded(worst[1].T, forms[1])).sums
    assert -(1 << 19) <= sums[0, 0] < 1 << 19
    assert abs(int(sums[0, 0])) * (terms + 1) // terms >= 1 << 19


def test_a_part_of_k_never_exceeds_a_pe() -> None:
    """The longest part, worst codes: through the engine, whose registers wrap."""
    rng = np.random.default_rng(0)
    for flow in FLOWS:
        for names in (("int8u", "int8"), ("flint4u", "flint4"), ("pot4", "pot4")):
            forms = FORMATS[names[0]], FORMATS[names[1]]
            config = draws.config(rows=32, cols=4, dataflow=flow, formats=names, accumulator_width=15)
            whole_part = parts_of_k(config.array, *forms, config.array.max_fold(*forms))[0]
            part = whole_part.stop
            for ends in ((np.argmin, np.argmax), (np.argmax, np.argmin), (np.argmax, np.argmax)):
                left, right = (
                    np.full((part,), each(form.value)) for each, form in zip(ends, forms, strict=True)
                )
                tiles, parts = cut(config, names, left[None], right[:, None], part, rng)
                assert len(tiles) == 1
                sums = whole(config, parts, AntGemm(config).run(tiles).sums, (1, 1), names)
                assert sums[0, 0] == int(part * forms[0].value[left[0]] * forms[1].value[right[0]])


def test_parts_of_k_are_about_equal_and_no_longer_than_a_pe_holds() -> None:
    made = {"rows": 64, "cols": 64, "formats": ("pot4", "int4")}
    array = draws.config(dataflow=Dataflow.OUTPUT_STATIONARY, **made).array
    most = array.max_fold(FORMATS["pot4"], FORMATS["pot4"])
    assert most == 127
    for length in [*range(1, 2000), most * most + 1]:
        parts = parts_of_k(array, FORMATS["pot4"], FORMATS["pot4"], length)
        assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])]
        assert parts[-1].stop == length and len(parts) == -(-length // most)
        sizes = [part.stop - part.start for part in parts]
        assert max(sizes) <= most and max(sizes) - min(sizes) <= 1
        assert min(sizes) >= 64 or length < 128  # so no part costs more cycles than it has pairs


def test_codes_and_formats_that_do_not_exist_are_refused() -> None:
    config = draws.config(formats=("int4",), accumulator_width=40)
    good = Coded(np.zeros((2, 2), np.int64), FORMATS["int4"])
    for operand, message in (
        (Coded(good.codes, FORMATS["flint4"]), "unknown format of the array 'flint4'"),
        (Coded(good.codes + 16, FORMATS["int4"]), "ffn: codes of int4 must lie in 0..15, not 16"),
    ):
        with pytest.raises(ConfigError) as refused:
            run_gemm(config, good, operand, "ffn")
        assert str(refused.value).startswith(message)
