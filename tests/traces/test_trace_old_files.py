"""What was written before the format grew reads the same: digest, MACs and patterns."""

import json

import pytest

from tandemsim.traces.codec import find, load
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.schema import DTYPE_BITS
from tandemsim.traces.validate import digest_of

#: Digest and MACs of traces of releases before heads could share keys, as their files state them.
STATED = {
    "longformer": ("23a340419b4906945e2c1c100aed5b11680d49b44ded9b06b94f275f8dce3964", 443541123072),
    "longformer-16k": ("d4b3646e031f5e01ee7ba795c96613480012501b4e7075536213a3333d442dac", 1777807945728),
    "longformer-large": ("3dde87a114b77023e188264eed6625575f20df4d9777263b8bc04f09a8b28293", 1543559348224),
    "vil-medium-wide": ("b9388562c60eca06211f1e800165bfe84017abf8581c239c5b9f24db6f2a9b36", 10728326528),
    "vil-small": ("613c41ee5e6bd2df0665ed79a6c0fb2dc697fa17af0f0a453c41346147ff7d30", 4829886912),
    "vil-tiny": ("1f17c237d6fa6154f87b860bd27422ea1957b585d4ab8b37b61cf599cd2a6654", 1316848032),
}

FIELDS = {"bands", "global_tokens"}  # of the attrs of a window attention, before
DTYPES = {
    *("float64", "float32", "float16", "bfloat16", "float8", "int64", "int32", "int16", "int8", "uint8"),
    *("int4", "uint4", "bool"),
}


@pytest.mark.parametrize("name", STATED)
def test_digest_and_macs_are_those_that_were_stated(name):
    digest, macs = STATED[name]
    trace = load(find(name))
    assert (trace.digest, trace.macs) == (digest, macs)
    assert digest_of(trace) == digest == json.loads(find(name).read_bytes())["digest"]


@pytest.mark.parametrize("name", STATED)
def test_nothing_new_is_written(name):
    trace = load(find(name))
    assert {tensor.dtype for tensor in trace.tensors} <= DTYPES
    for op in trace.ops:
        if op.kind == "window_attention":
            assert set(op.attrs) == FIELDS and not {"kv_heads", "v_dim", "q_len"} & set(op.dims)
            pattern = Pattern.from_op(op)
            assert not pattern.is_extended and pattern.attrs() == op.attrs
            assert (op.dim("kv_heads"), op.dim("v_dim"), op.dim("q_len")) == (
                op.dim("heads"),
                op.dim("head_dim"),
                pattern.seq_len,
            )


def test_an_element_of_each_type_has_its_bits():
    assert set(DTYPE_BITS) > DTYPES
    assert {name: DTYPE_BITS[name] for name in set(DTYPE_BITS) - DTYPES} == {
        "float8_e4m3fn": 8,
        "float8_e5m2": 8,
        "complex32": 32,
        "complex64": 64,
        "complex128": 128,
    }


def test_a_statement_in_which_a_query_sees_nothing_stays_valid():
    """It was so for bands and a box; what is new refuses it."""
    stated = {"bands": [[-4, -2, 1]], "global_tokens": []}
    pattern = Pattern.from_statement({"seq_len": 9}, stated)
    assert pattern.pairs() == 18 and pattern.empty_queries().tolist() == [0, 1]
