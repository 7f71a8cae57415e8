"""Models of transformers cut down to a second of work on the CPU: their fields and their inputs."""

import torch
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from tandemsim.workloads.hugging_face.configs import described

#: Fields that each config takes which has them.
SIZES = {
    **{"vocab_size": 100, "hidden_size": 64, "intermediate_size": 96, "moe_intermediate_size": 48},
    **{"num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16},
    **{"sliding_window": 7, "max_position_embeddings": 128, "pad_token_id": 0, "bos_token_id": 1},
    **{"eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2, "num_local_experts": 4, "num_experts": 4},
    **{"num_experts_per_tok": 2, "n_routed_experts": 4, "decoder_sparse_step": 1, "n_group": 1},
    **{"topk_group": 1, "n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 128, "d_model": 64},
    **{"encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4},
    **{"encoder_ffn_dim": 96, "decoder_ffn_dim": 96, "d_ff": 96, "d_kv": 16, "num_layers": 2, "num_heads": 4},
    **{"num_decoder_layers": 2, "image_size": 32, "patch_size": 8, "ffn_dim": 96, "word_embed_proj_dim": 64},
    **{"dim": 64, "n_layers": 2, "n_heads": 4, "hidden_dim": 96, "embedding_size": 32, "projection_dim": 32},
}

#: Model types of the check, with the fields that need other values.
MODELS = {
    # full and causal
    **{name: {} for name in ("llama", "qwen2", "smollm3", "gpt2", "gpt_neox", "opt", "bert", "roberta")},
    **{name: {} for name in ("distilbert", "albert", "electra", "vit", "beit", "deit", "clip", "siglip")},
    **{
        name: {}
        for name in ("olmo2", "granite", "stablelm", "glm", "helium", "qwen3", "t5", "bart", "biogpt")
    },
    **{name: {} for name in ("whisper", "marian", "ernie")},
    # windows
    "mistral": {},
    "phi3": {},
    "starcoder2": {},
    "gemma2": {},
    "gemma3_text": {},
    "cohere2": {},
    "olmo3": {},
    "exaone4": {"sliding_window": 7, "layer_types": ["sliding_attention"] * 3 + ["full_attention"]},
    "modernbert": {"local_attention": 10, "global_attn_every_n_layers": 3},
    # sinks
    "gpt_oss": {},
    # chunks
    "llama4_text": {"attention_chunk_size": 8, "no_rope_layers": [1, 1, 1, 0], "intermediate_size_mlp": 64},
    # experts
    "mixtral": {},
    "qwen2_moe": {"shared_expert_intermediate_size": 48},
    "qwen3_moe": {},
    "olmoe": {},
    "granitemoe": {},
    "deepseek_v3": {
        **{"q_lora_rank": 24, "kv_lora_rank": 16, "qk_rope_head_dim": 16, "qk_nope_head_dim": 16},
        **{"v_head_dim": 12, "first_k_dense_replace": 1, "num_key_value_heads": 4},
    },
    "phimoe": {},
}


def small(name, **fields):
    """Return the class of a model type and a small config of it."""
    return described(name, {**sizes_of(CONFIG_MAPPING[name]()), **MODELS.get(name, {}), **fields})


def sizes_of(config):
    """Return the fields of a config, and of those within it, that are made small."""
    parts = {part: sizes_of(getattr(config, part)) for part in config.sub_configs if getattr(config, part)}
    return {key: value for key, value in SIZES.items() if config.to_dict().get(key) is not None} | parts


def inputs_of(model, tokens=40, batch=2):
    """Return inputs with random values, those that the model needs."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(3, 100, (batch, tokens), generator=generator)
    image = torch.randn(batch, 3, 32, 32, generator=generator)
    main = model.main_input_name
    if main == "pixel_values" and "input_ids" not in type(model).forward.__code__.co_varnames[:6]:
        return {"pixel_values": image}
    inputs = {"input_ids": ids}
    if main == "input_features":
        inputs = {"input_features": torch.randn(batch, 80, 3000, generator=generator)}
    if model.config.is_encoder_decoder:
        inputs["decoder_input_ids"] = ids
    if type(model).__name__ in ("CLIPModel", "SiglipModel"):
        inputs["pixel_values"] = image
    return inputs
