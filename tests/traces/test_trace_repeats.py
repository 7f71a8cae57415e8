"""Repeats of a document: they are the trace that they stand for, and bounded like it."""

import copy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandemsim.traces.codec import PLAIN_BYTES, document_text, dumps, find, load, loads, names, save
from tandemsim.traces.compact import compacted
from tandemsim.traces.errors import TraceError
from tandemsim.traces.runs import find_runs
from tandemsim.traces.schema import Op, Source, Tensor
from tandemsim.traces.validate import seal
from tests.examples import some_of
from tests.traces.test_trace_damage import assert_consistent, damage, try_load
from tests.traces.written_out import TooManyTurnsError, written_out

SOURCE = Source(model="layers", configuration={}, exporter="tests", exporter_version="1")


def layered(layers, period=1, width=8, extra=0):
    """A model of so many layers: each a product with its own weight, an addition of its input, an act.

    The width of a layer's products depends on its place within a period; weights come first, as an exporter
    numbers them; `extra` ops follow the layers.
    """
    tensors, ops = [], []

    def tensor(shape, role, **more):
        tensors.append(Tensor(id=len(tensors), shape=shape, dtype="float32", role=role, **more))
        return len(tensors) - 1

    def op(kind, name, inputs, shape, dims, macs=0):
        output = tensor(shape, "activation")
        ops.append(
            Op(
                id=len(ops),
                kind=kind,
                name=name,
                inputs=tuple(inputs),
                outputs=(output,),
                dims=dims,
                macs=macs,
            )
        )
        return output

    inner = [width * (1 + layer % period) for layer in range(layers)]
    weights = [
        (
            tensor((width, inner[layer]), "weight", name=f"layers.{layer}.up"),
            tensor((inner[layer], width), "weight", name=f"layers.{layer}.down"),
        )
        for layer in range(layers)
    ]
    x = tensor((4, width), "input")
    for layer, (up, down) in enumerate(weights):
        wide, name = (4, inner[layer]), f"layers.{layer}"
        macs = 4 * width * inner[layer]
        y = op("gemm", f"{name}.up", [x, up], wide, {"m": 4, "n": inner[layer], "k": width}, macs)
        y = op("act", f"{name}.act", [y], wide, {"elements": 4 * inner[layer]})
        view = tensor((inner[layer], 4), "activation", alias_of=y)
        y = op(
            "gemm", f"{name}.down", [view, down], (4, width), {"m": 4, "n": width, "k": inner[layer]}, macs
        )
        x = op("eltwise", f"add_{layer + 2}" if layer else "add", [x, y], (4, width), {"elements": 4 * width})
    for number in range(extra):
        x = op("norm", f"norm{number}", [x], (4, width), {"elements": 4 * width})
    return seal(source=SOURCE, tensors=tensors, ops=ops)


def repeats(document):
    """(turns, items) of each repeat of a document, or of its JSON."""
    if isinstance(document, dict):
        items = document["tensors"] + document["ops"]
        return [(item[1], len(item[2])) for item in items if isinstance(item, list)]
    return [
        (item.turns, len(item.items)) for item in document.tensors + document.ops if isinstance(item, tuple)
    ]


class TestCompact:
    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(st.integers(1, 14), st.integers(1, 4), st.integers(0, 3))
    def test_a_compact_document_is_its_trace(self, layers, period, extra):
        trace = layered(layers, period, extra=extra)
        text = document_text(compacted(trace))
        assert loads(text) == trace
        assert written_out(json.loads(text)) == json.loads(document_text(trace))

    @pytest.mark.parametrize("name", names())
    def test_every_checked_in_trace_survives(self, name):
        trace = load(find(name))
        text = document_text(compacted(trace))
        assert loads(text) == trace and len(text) <= len(document_text(trace))
        assert written_out(json.loads(text)) == json.loads(document_text(trace))

    @given(st.data())
    def test_any_trace_survives(self, data):
        """Names, shapes and ids at random, some of them in runs that repeat, with steps up and down."""
        tensors, used = [], set()
        word = st.sampled_from(["a1", "a.{}", "b{1+2}", "", "0", "007", "x{", "{3", "1.2.3", "9" * 12])
        for _ in range(data.draw(st.integers(1, 4), "runs")):
            name, shape = data.draw(word, "name"), data.draw(st.integers(1, 2), "shape")
            first, step = data.draw(st.integers(0, 500), "first"), data.draw(st.integers(-3, 3), "step")
            for turn in range(data.draw(st.integers(1, 6), "turns")):
                number = first + turn * step
                if number >= 0 and number not in used:
                    used.add(number)
                    said = name.replace("{}", str(5 + turn * step))
                    tensors.append(Tensor(id=number, shape=(shape,), dtype="int8", role="input", name=said))
        trace = seal(source=SOURCE, tensors=tensors, ops=[])
        assert loads(document_text(compacted(trace))) == trace

    @pytest.mark.parametrize("layers, period", [(12, 1), (12, 2), (36, 6), (3, 1)])
    def test_layers_are_stored_once(self, layers, period):
        document = compacted(layered(layers, period))
        whole = layers // period
        assert (whole, 2 * period) in repeats(document)  # the weights, which come first
        stored = sum(count for turns, count in repeats(document))
        alone = sum(not isinstance(item, tuple) for item in document.tensors + document.ops)
        total = layers * (2 + 5 + 4) + 1
        assert sum(turns * count for turns, count in repeats(document)) + alone == total
        if whole > 3:
            assert stored + alone <= 2 * 11 * period + 1  # at most one layer beside the one that repeats

    def test_runs_do_not_overlap(self):
        trace = layered(13, 3, extra=4)
        for items in (trace.tensors, trace.ops):
            runs = find_runs(items)
            assert runs and all(run.turns >= 3 for run in runs)
            assert all(one.end <= two.start for one, two in zip(runs, runs[1:], strict=False))

    def test_a_small_document_stays_plain_and_a_large_one_does_not(self, tmp_path):
        few, many = layered(12), layered(2000)
        assert dumps(few) == document_text(few) and len(dumps(few)) < PLAIN_BYTES
        assert dumps(many) == document_text(compacted(many)) and len(dumps(many)) < 5000
        assert len(document_text(many)) > PLAIN_BYTES
        for name in ("x.json", "x.json.gz"):
            save(many, tmp_path / name)
            assert load(tmp_path / name) == many
            first = (tmp_path / name).read_bytes()
            save(load(tmp_path / name), tmp_path / name)
            assert (tmp_path / name).read_bytes() == first

    def test_the_digest_is_that_of_the_trace_written_out(self, resealed):
        trace = layered(9, 2)
        document = json.loads(document_text(compacted(trace)))
        assert document["digest"] == trace.digest
        assert json.loads(resealed(written_out(document)))["digest"] == trace.digest


@pytest.fixture
def document():
    """Nine layers: tensors[0] are their weights, tensors[2] their activations, ops[4] the ops of eight."""
    made = json.loads(document_text(compacted(layered(9))))
    assert repeats(made) == [(9, 2), (9, 5), (8, 4)]
    assert [type(made[part][at]) for part, at in (("tensors", 0), ("tensors", 2), ("ops", 4))] == [list] * 3
    return made


ITEM = "op [4, 4] 'layers.{1+1}.up'"


def edited(document, path, value):
    """The document with one value replaced, or left out if it is to be `...`."""
    *way, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
    result = node = copy.deepcopy(document)
    for part in way:
        node = node[part]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return result


def said_of(data):
    """The line in which a document is refused."""
    with pytest.raises(TraceError) as caught:
        loads(data, file="x.json")
    return str(caught.value).removeprefix("x.json: ")


class TestDamage:
    @pytest.mark.parametrize(
        "path, value, message",
        [
            ("ops.4.0", "repeats", "ops[4]: word 'repeats' is unknown; did you mean 'repeat'?"),
            ("ops.4.0", 3, "ops[4]: word must be str, not int"),
            ("ops.4.1", 1, "ops[4]: turns must be int >= 2, not 1"),
            ("ops.4.1", "x", "ops[4]: turns must be int, not str"),
            ("ops.4.1", 2**31, "ops[4]: turns must be int <= 2147483647, not 2147483648"),
            ("ops.4.2", [], "ops[4]: items must be array of length >= 1, not []"),
            ("ops.4.2", 7, "ops[4]: items must be array, not int"),
            ("ops.4.2.0", 7, "ops[4][2][0]: must be object, not int"),
            ("ops.4", [], "ops[4]: must be array of length 3, not []"),
            ("ops.4.2.0.dim", 7, f"{ITEM}: dim is not a field; did you mean 'dims'?"),
            ("ops.4.2.0.macs", ..., f"{ITEM}: macs is missing"),
            ("ops.4.2.0.dims.k", "x", f"{ITEM}: dims.k must be int | array, not str"),
            ("ops.4.2.0.inputs.0", [3, 0], f"{ITEM}: inputs[0][1] must be int >= 1, not 0"),
            ("ops.4.2.0.inputs.0", [3, -1], f"{ITEM}: inputs[0][1] must be int >= 1, not -1"),
            ("ops.4.2.0.inputs.0", [-3, 1], f"{ITEM}: inputs[0][0] must be int >= 0, not -3"),
            ("ops.4.2.0.inputs.0", [3], f"{ITEM}: inputs[0] must be array of length 2, not [3]"),
            ("ops.4.2.0.inputs.0", "3", f"{ITEM}: inputs[0] must be int | array, not str"),
            ("tensors.0.2.0.role", "wait", "tensor [0, 2]: role 'wait' is unknown; did you mean 'weight'?"),
            (
                "ops.4.2.0.inputs.0",
                [23, 2**31 - 1],
                "ops[4]: items[0] must stay below 2**31 in all of 8 turns",
            ),
            ("tensors.2.2.2.alias_of", [20, 2**30], "tensors[2]: items[2] must stay below 2**31 in all of 9"),
            ("ops.4.1", 2**31 - 1, "ops[4]: items[0] must stay below 2**31 in all of 2147483647 turns"),
            (
                "tensors.0.1",
                200_000,
                "tensors[0]: turns must keep the whole within 16 MiB and 1572864 commas",
            ),
            ("ops.4.2.1.name", "a" * 2**21, "ops[4]: turns must keep the whole within 16 MiB"),
        ],
    )
    def test_what_a_repeat_must_not_say_is_named(self, document, path, value, message):
        assert said_of(json.dumps(edited(document, path, value)).encode()).startswith(message)

    @pytest.mark.parametrize(
        "path, value, message",
        [
            ("tensors.0.2.0.id", 0, "must be unique, but two tensors have the id 0"),
            ("tensors.0.1", 8, "op 32 'layers.8.up': inputs[1] must be the id of a tensor, not 16"),
            ("ops.4.2.0.dims.k", 9, "op 4 'layers.1.up': inputs[0] (tensor 23) must hold 36 elements, not"),
            ("ops.4.2.3.outputs.0", [28, 4], "op 11 'add_4': outputs[0] must"),
        ],
    )
    def test_what_a_turn_breaks_is_named_as_in_a_plain_document(
        self, document, resealed, path, value, message
    ):
        broken = edited(document, path, value)
        broken["digest"] = json.loads(resealed(written_out(broken)))["digest"]
        assert said_of(json.dumps(broken).encode()).startswith(message)

    def test_the_digest_covers_every_turn(self, document):
        for path, value in (("ops.4.1", 7), ("ops.4.2.0.name", "layers.1.up"), ("tensors.0.2.0.id", [0, 3])):
            assert said_of(json.dumps(edited(document, path, value)).encode()).startswith(
                "digest is not that"
            )

    def test_a_repeat_within_a_repeat_is_refused(self, document):
        nested = edited(document, "ops.4.2.0", ["repeat", 2, [document["ops"][0]]])
        assert said_of(json.dumps(nested).encode()) == "ops[4][2][0]: must be object, not array"

    @settings(max_examples=some_of(400), suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_random_damage_is_refused_in_one_line_or_consistent(self, data, document, resealed):
        """What passes under a digest that fits says the same when it is written out by the page's rules."""
        broken = damage(data, document)
        try:
            broken["digest"] = json.loads(resealed(written_out(broken)))["digest"]
        except (TypeError, LookupError, AttributeError, TooManyTurnsError):
            broken["digest"] = "0" * 64
        trace = try_load(json.dumps(broken).encode())
        if trace is not None:
            assert json.loads(document_text(trace)) == written_out(broken)
            assert_consistent(trace)
