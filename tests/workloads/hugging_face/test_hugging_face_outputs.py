"""A model's outputs through our attention, with the pattern alone, are those of its own eager attention.

``TANDEM_ALL_MODELS=1`` checks every model of `small_transformers`; a plain run takes a few of each kind.
"""

import copy
import os

import pytest
import torch
from torch.utils._pytree import tree_leaves
from transformers.cache_utils import DynamicCache, StaticCache

from tandemsim.traces.bands import Band
from tandemsim.workloads.hugging_face import attention_function
from tandemsim.workloads.hugging_face.building import build
from tandemsim.workloads.hugging_face.registrations import NAME, interfaces
from tests.workloads.hugging_face.small_transformers import MODELS, inputs_of, small

TOLERANCE = 1e-6  # float32, outputs near 1
FEW = ("mistral", "gpt_oss", "llama4_text", "deepseek_v3", "modernbert", "t5", "clip")
CHOSEN = tuple(MODELS) if os.environ.get("TANDEM_ALL_MODELS") else FEW
DECODERS = (
    *("llama", "mistral", "gemma3_text", "gpt_oss", "llama4_text"),
    *("starcoder2", "qwen3", "phi3", "mixtral"),
)
DECODED = DECODERS if os.environ.get("TANDEM_ALL_MODELS") else DECODERS[:5]


def both(name, use_cache=False, **fields):
    """Return one model twice, with its own attention and experts and with ours, of the same weights."""
    model = small(name, **fields)
    torch.manual_seed(0)
    config = copy.deepcopy(model.config)
    config._attn_implementation = config._experts_implementation = "eager"
    own = model.architecture._from_config(config).eval()
    notes = []
    with interfaces(notes.append):
        ours = build(model.architecture, model.config, notes.append, use_cache=use_cache)
    ours.load_state_dict(own.state_dict())
    assert not notes
    return own, ours


def outputs(model, inputs):
    """Return what a model computes, without what it keeps."""
    with torch.no_grad():
        result = model(**inputs)
    return [leaf for leaf in tree_leaves(dict(result)) if isinstance(leaf, torch.Tensor)]


def difference(name, **fields):
    """Return the largest difference of the two models' outputs; every attention's pattern must be known."""
    own, ours = both(name, **fields)
    inputs = inputs_of(own)
    notes = []
    with interfaces(notes.append) as function:
        results = outputs(ours, inputs)
    assert function.known and not function.unknown, notes
    expected = outputs(own, inputs)
    compared = [
        float((a - b).abs().max()) for a, b in zip(expected, results, strict=True) if a.is_floating_point()
    ]
    assert compared
    return max(compared)


@pytest.mark.parametrize("name", CHOSEN)
def test_outputs_are_those_of_eager_attention(name):
    assert difference(name) <= TOLERANCE


@pytest.mark.parametrize("name", DECODED)
@pytest.mark.parametrize("cache", [DynamicCache, StaticCache])
def test_outputs_of_generation_are_those_of_eager_attention(name, cache):
    own, ours = both(name, use_cache=True)
    ids = inputs_of(own, tokens=24)["input_ids"]
    with interfaces([].append) as function:
        for expected, result in zip(steps(own, cache, ids), steps(ours, cache, ids), strict=True):
            assert float((expected - result).abs().max()) <= TOLERANCE
    assert function.known and not function.unknown


def steps(model, cache, ids):
    """Return the outputs of a prefill of 20 tokens, and of the tokens that follow one by one."""
    sizes = {} if cache is DynamicCache else {"max_cache_len": 32}
    kept = cache(config=model.config, **sizes)
    for part in (ids[:, :20], *ids[:, 20:].split(1, dim=1)):
        with torch.no_grad():  # not around the yield: two of these run in turn
            result = model(input_ids=part, past_key_values=kept, use_cache=True)[0]
        yield result


# -- the check bites ----------------------------------------------------------------------------------------


def altered(monkeypatch, change):
    """Give every pattern of a model to `change` before it is used."""
    read = attention_function.pattern_of_limits
    monkeypatch.setattr(attention_function, "pattern_of_limits", lambda *stated: change(read(*stated)))


@pytest.mark.parametrize("low, high", [(1, 0), (-1, 0), (0, 1)])
def test_a_window_that_is_off_by_one_is_noticed(monkeypatch, low, high):
    def change(pattern):
        (band,) = pattern.bands
        return type(pattern)(seq_len=pattern.seq_len, bands=(Band(band.low + low, band.high + high, 1),))

    altered(monkeypatch, change)
    assert difference("mistral") > 100 * TOLERANCE


def test_sinks_that_are_dropped_are_noticed(monkeypatch):
    monkeypatch.setattr(attention_function, "_first", lambda arguments, *names: None)
    assert difference("gpt_oss") > 100 * TOLERANCE


def test_an_offset_that_is_dropped_is_noticed(monkeypatch):
    def change(pattern):
        return type(pattern)(seq_len=pattern.seq_len, q_len=pattern.q_len, bands=pattern.bands)

    own, ours = both("mistral", use_cache=True)
    altered(monkeypatch, change)
    ids = inputs_of(own, tokens=24)["input_ids"]
    with interfaces([].append):
        kept = [chunked(model, ids) for model in (own, ours)]
    assert float((kept[0] - kept[1]).abs().max()) > 100 * TOLERANCE


def test_a_prefill_in_two_parts_is_that_of_eager_attention():
    own, ours = both("mistral", use_cache=True)
    ids = inputs_of(own, tokens=24)["input_ids"]
    with interfaces([].append):
        kept = [chunked(model, ids) for model in (own, ours)]
    assert float((kept[0] - kept[1]).abs().max()) <= TOLERANCE


def chunked(model, ids):
    """Return the outputs of the second of two parts of a prefill."""
    kept = DynamicCache(config=model.config)
    with torch.no_grad():
        model(input_ids=ids[:, :16], past_key_values=kept, use_cache=True)
        return model(input_ids=ids[:, 16:], past_key_values=kept, use_cache=True)[0]


def test_the_interfaces_are_gone_after_the_context():
    from transformers import AttentionInterface

    with interfaces([].append):
        assert NAME in AttentionInterface._global_mapping
    assert NAME not in AttentionInterface._global_mapping
