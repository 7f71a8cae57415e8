"""The published JSON Schema, read by another implementation."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest

from tandemsim.traces.codec import document_text, dumps, find, load, names
from tandemsim.traces.compact import compacted
from tandemsim.traces.json_schema import json_schema
from tandemsim.traces.kinds import KINDS, macs
from tandemsim.traces.pattern import Pattern

PUBLISHED = Path(__file__).parents[2] / "docs" / "trace.schema.json"


@pytest.fixture(scope="module")
def validator():
    schema = json.loads(PUBLISHED.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_published_schema_is_that_of_the_code():
    assert json.loads(PUBLISHED.read_text()) == json_schema(), (
        "run: python -m traces schema --out docs/trace.schema.json"
    )


def test_small_trace_is_valid(validator, small):
    validator.validate(json.loads(dumps(small)))


# The validator takes a second for a thousand ops. These hold every kind, and both forms of a document.
SHORT = [name for name in names() if find(name).stat().st_size < 70_000]


def test_short_traces_have_repeats() -> None:
    assert any(b'["repeat",' in find(name).read_bytes() for name in SHORT)


@pytest.mark.parametrize("name", SHORT)
def test_stored_trace_is_valid(validator, name):
    validator.validate(json.loads(find(name).read_bytes()))


@pytest.fixture(scope="module")
def compact():
    """A document whose layers are stored once."""
    document = json.loads(document_text(compacted(load(find("longformer")))))
    assert any(isinstance(item, list) for item in document["ops"])
    return document


def test_compact_document_is_valid(validator, compact):
    validator.validate(compact)


@pytest.mark.parametrize(
    "edit",
    [
        lambda repeat: repeat.__setitem__(0, "repeats"),
        lambda repeat: repeat.__setitem__(1, 1),
        lambda repeat: repeat.append(0),
        lambda repeat: repeat[2].clear(),
        lambda repeat: repeat[2].append(copy.deepcopy(repeat)),
        lambda repeat: repeat[2][0].update(kind="gem"),
        lambda repeat: repeat[2][0]["dims"].pop("k"),
        lambda repeat: repeat[2][0].update(id=[3, 0]),
        lambda repeat: repeat[2][0].update(id=[3]),
        lambda repeat: repeat[2][0].update(turn=3),
    ],
)
def test_wrong_repeat_is_invalid(validator, compact, edit):
    document = copy.deepcopy(compact)
    edit(next(item for item in document["ops"] if isinstance(item, list)))
    assert not validator.is_valid(document)


@pytest.mark.parametrize(
    "edit",
    [
        lambda trace: trace.update(schema="tandem-trace/2"),
        lambda trace: trace.update(color="red"),
        lambda trace: trace.pop("digest"),
        lambda trace: trace["ops"][3].update(kind="gem"),
        lambda trace: trace["ops"][3]["dims"].pop("k"),
        lambda trace: trace["ops"][3]["dims"].update(k=0),
        lambda trace: trace["ops"][3]["dims"].update(batches=2),
        lambda trace: trace["ops"][3].pop("macs"),
        lambda trace: trace["ops"][5].pop("attrs"),
        lambda trace: trace["ops"][5]["attrs"].update(random_blocks=3),
        lambda trace: trace["ops"][5]["dims"].pop("seq_len"),
        lambda trace: trace["tensors"][0].update(role="weights"),
        lambda trace: trace["tensors"][0].update(dtype="floaty"),
        lambda trace: trace["tensors"][0].update(shape=[0]),
    ],
)
def test_wrong_part_is_invalid(validator, small, edit):
    document = copy.deepcopy(json.loads(dumps(small)))
    edit(document)
    assert not validator.is_valid(document)


def test_grid_stands_for_the_length(validator, small):
    document = json.loads(dumps(small))
    del document["ops"][4]["dims"]["seq_len"]
    assert validator.is_valid(document)


HEADS = {"heads": 4, "head_dim": 8}
GROWN = [
    (
        "attention",
        HEADS | {"q_len": 7, "kv_len": 9, "kv_heads": 2, "v_dim": 3},
        {"causal": True, "scale": 0.5},
    ),
    ("attention", HEADS | {"q_len": 7, "kv_len": 9}, {"softcap": 50, "operands": ["mask", "bias", "sinks"]}),
    *(
        ("window_attention", HEADS | pattern.dims(), pattern.attrs() | {"operands": ["sinks"]})
        for pattern in (
            Pattern.causal_window(9, 3, 2, q_len=1, q_offset=8),
            Pattern.chunked(9, 3),
            Pattern.neighborhood(3, 3, 3),
            Pattern.block_sparse(9, 3, 3, [[0], [1, 2], [0]]),
        )
    ),
    ("grouped_gemm", {"m": 6, "n": 5, "k": 4, "groups": 3}, {"rows": [2, 4, 0]}),
    ("cache_append", {"elements": 6, "length": 30}, {}),
    ("fft", {"length": 8}, {"real": True}),
    ("triangular_solve", {"n": 8, "columns": 1}, {}),
    ("conv_transpose2d", dict.fromkeys(KINDS["conv_transpose2d"].required, 2) | {"output_pad_h": 0}, {}),
    (
        "conv_backward",
        dict.fromkeys(KINDS["conv3d"].required, 2),
        {"of": "conv3d", "gradients": ["input", "bias"]},
    ),
]
SPOILED = {
    "kv_heads": 0, "v_dim": 0, "q_len": 0, "scale": 0, "softcap": "50", "operands": ["alibi"], "causal": 1,
    "q_offset": 0.5, "chunks": [3, 0], "sink_tokens": [-1], "border": "mirrored", "blocks": {"query": 3},
    "rows": [-1], "groups": 0, "elements": -1, "real": 1, "of": "conv1d", "gradients": [], "output_pad_h": -1,
}  # fmt: skip


def stating(small, kind, dims, attrs):
    """The small trace with one op of a kind; shapes and MACs are beyond a JSON Schema."""
    document = json.loads(dumps(small))
    document["ops"][0] |= {"kind": kind, "dims": dims, "attrs": attrs}
    return json.loads(json.dumps(document))


@pytest.mark.parametrize("kind, dims, attrs", GROWN)
def test_new_statement_is_valid_and_each_part_of_it_is_checked(validator, small, kind, dims, attrs):
    macs(kind, dims, attrs)
    validator.validate(stating(small, kind, dims, attrs))
    for name in {*dims, *attrs} & set(SPOILED):
        wrong = {name: SPOILED[name]}
        spoiled = (dims | wrong, attrs) if name in dims else (dims, attrs | wrong)
        assert not validator.is_valid(stating(small, kind, *spoiled)), name


def test_every_new_part_is_spoiled_once():
    assert set(SPOILED) <= {name for _, dims, attrs in GROWN for name in (*dims, *attrs)}


@pytest.mark.parametrize("name", ["of", "gradients"])
def test_a_part_that_is_needed_is_missed(validator, small, name):
    kind, dims, attrs = GROWN[-1]
    document = stating(small, kind, dims, {key: value for key, value in attrs.items() if key != name})
    assert not validator.is_valid(document)
