"""The published JSON Schema, read by another implementation."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest

from tandemsim.traces.codec import document_text, dumps, find, load, names
from tandemsim.traces.compact import compacted
from tandemsim.traces.json_schema import json_schema

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


@pytest.mark.parametrize("name", names())
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
