"""Our Longformer computes what Hugging Face's `LongformerModel` computes, and has the published size."""

import pytest
import torch
import transformers

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.workloads.longformer import BASE, LARGE, Longformer, LongformerConfig


def small(global_tokens):
    return LongformerConfig(
        layers=2, hidden=64, heads=4, ffn=96, window=16, seq_len=128, vocab=100, global_tokens=global_tokens
    )


def hugging_face(config):
    """Return their model of the same sizes, with random weights far from zero."""
    theirs = transformers.LongformerModel(
        transformers.LongformerConfig(
            attention_window=config.window, vocab_size=config.vocab, hidden_size=config.hidden,
            num_hidden_layers=config.layers, num_attention_heads=config.heads, intermediate_size=config.ffn,
            max_position_embeddings=config.positions, type_vocab_size=config.token_types,
            layer_norm_eps=config.norm_eps, pad_token_id=config.padding_index, initializer_range=0.2,
        )
    ).eval()  # fmt: skip
    with torch.no_grad():
        for parameter in theirs.parameters():
            # biases and norms start at 0 and 1: no test of them
            parameter.add_(0.1 * torch.randn_like(parameter))
    return theirs


@pytest.mark.parametrize("global_tokens", [(), (0,), (0, 5, 77)], ids=["none", "first", "three"])
@pytest.mark.parametrize("seq_len", [128, 90])
def test_outputs_equal_hugging_face(global_tokens, seq_len):
    torch.manual_seed(0)
    config = small(global_tokens)
    theirs, ours = hugging_face(config), Longformer(config).eval()
    ours.load_state_dict(theirs.state_dict())
    ids = torch.randint(2, config.vocab, (2, seq_len))
    is_global = torch.zeros_like(ids)
    is_global[:, list(global_tokens)] = 1
    with torch.no_grad():
        hidden, pooled = ours(ids)
        expected = theirs(ids, attention_mask=torch.ones_like(ids), global_attention_mask=is_global)
    torch.testing.assert_close(hidden, expected.last_hidden_state, atol=1e-4, rtol=0)
    torch.testing.assert_close(pooled, expected.pooler_output, atol=1e-4, rtol=0)


def test_a_global_token_changes_the_outputs():
    torch.manual_seed(0)
    with_global, without = Longformer(small((0,))).eval(), Longformer(small(())).eval()
    without.load_state_dict(with_global.state_dict())
    ids = torch.randint(2, 100, (1, 128))
    with torch.no_grad():
        assert (with_global(ids)[0] - without(ids)[0]).abs().max() > 1e-2


@pytest.mark.parametrize(
    ("config", "published"), [(BASE, 148_659_456), (LARGE, 434_600_960)], ids=["base", "large"]
)
def test_parameter_counts_are_the_published_ones(config, published):
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in Longformer(config).parameters()) == published


def test_an_input_longer_than_the_position_table_is_refused():
    with torch.device("meta"):
        model = Longformer(small(()))
        with pytest.raises(ConfigError, match="at most 128 tokens, not 129"):
            model(torch.zeros(1, 129, dtype=torch.long))
