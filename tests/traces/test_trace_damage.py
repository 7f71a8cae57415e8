"""A trace with random damage: nothing of it may pass, and nothing may fail but with one clear line."""

import copy
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandemsim.traces.codec import dumps, loads
from tandemsim.traces.errors import TraceError
from tandemsim.traces.pattern import Pattern
from tests.examples import some_of


@pytest.fixture(scope="session")
def document(small):
    return json.loads(dumps(small))


NASTY = [None, True, -1, 0, 1, 2, 5, 22, 2**31 - 1, 2**31, 2**63 - 1, 2**63, 10**30, -(10**30), 0.5, 1e300]
NASTY += [
    "",
    "x",
    "gemm",
    "softmax",
    "weight",
    "activation",
    [],
    {},
    [0],
    [[-1, 1, 1]],
    [[-1, 1], [-1, 1]],
    "\u2028",
]


def nodes(value, path=()):
    """Every path into a document."""
    yield path
    inside = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    for key, item in inside:
        yield from nodes(item, (*path, key))


def damage(data, document):
    """Return a copy of the document with one random edit."""
    paths = list(nodes(document))[1:]
    *way, last = data.draw(st.sampled_from(paths), "where")
    result = copy.deepcopy(document)
    node = result
    for part in way:
        node = node[part]
    how = data.draw(st.sampled_from(["replace", "delete", "copy", "rename", "nudge"]), "how")
    if how == "delete":
        del node[last]
    elif how == "copy":
        *other, key = data.draw(st.sampled_from(paths), "from")
        source = document
        for part in (*other, key):
            source = source[part]
        node[last] = copy.deepcopy(source)
    elif how == "rename" and isinstance(node, dict):
        node[data.draw(st.sampled_from(["m", "seq_len", "grid", "alias_of", "x"]), "name")] = node.pop(last)
    elif how == "nudge" and isinstance(node[last], int):
        node[last] += data.draw(st.integers(-3, 3), "by")
    else:
        node[last] = data.draw(st.sampled_from(NASTY), "value")
    return result


def try_load(data):
    """Return the trace, or None if it was refused in one line."""
    try:
        return loads(data, file="x")
    except TraceError as error:
        message = str(error)
    assert message.startswith("x: ") and len(message.splitlines()) == 1
    return None


@settings(max_examples=some_of(300))
@given(data=st.data())
def test_no_edit_passes_under_the_old_digest(data, document, small):
    assert try_load(json.dumps(damage(data, document)).encode()) in (None, small)


@settings(max_examples=some_of(300))
@given(data=st.data())
def test_no_damaged_byte_passes(data, small):
    document = bytearray(dumps(small))
    place = data.draw(st.integers(0, len(document) - 1))
    document[place] = data.draw(st.integers(0, 255))
    assert try_load(bytes(document)) in (None, small)


@settings(max_examples=some_of(600))
@given(data=st.data())
def test_edit_with_a_fresh_digest_passes_only_if_it_is_consistent(data, document, resealed):
    broken = damage(data, document)
    if data.draw(st.booleans(), "twice"):
        broken = damage(data, broken) if len(list(nodes(broken))) > 1 else broken
    trace = try_load(resealed(broken))
    if trace is not None:
        assert_consistent(trace)


def assert_consistent(trace):
    """What the format promises, in other words than the package's."""
    tensors = {tensor.id: tensor for tensor in trace.tensors}
    assert len(tensors) == len(trace.tensors) and len({op.id for op in trace.ops}) == len(trace.ops)

    def root(tensor_id):
        for _ in range(len(tensors)):
            tensor_id = tensors[tensor_id].alias_of if tensors[tensor_id].alias_of is not None else tensor_id
        assert tensors[tensor_id].alias_of is None
        return tensor_id

    produced = [output for op in trace.ops for output in op.outputs]
    assert len(set(produced)) == len(produced)
    known = {root(tensor) for tensor in tensors} - set(produced)
    assert all(tensors[tensor].role in ("input", "weight", "index") for tensor in known)
    for op in trace.ops:
        assert {root(tensor) for tensor in op.inputs} <= known
        known |= set(op.outputs)
        assert op.macs == macs_of(op, tensors)
        assert op.macs or math.prod(tensors[op.outputs[0]].shape) == op.dims["elements"]


def macs_of(op, tensors):
    """The MACs of an op, from the shapes of its tensors and the mask of its pattern."""
    inputs, output = [tensors[tensor].shape for tensor in op.inputs], tensors[op.outputs[0]].shape
    if op.kind == "gemm":
        return math.prod(output) * op.dims["k"]
    if op.kind == "conv2d":
        return math.prod(output) * math.prod(inputs[1][1:])
    if op.kind == "attention":
        return 2 * math.prod(output) * inputs[1][2]
    if op.kind == "window_attention":
        pairs = int(Pattern.from_op(op).mask(range(output[2])).sum())
        return 2 * output[0] * output[1] * output[3] * pairs
    return 0
