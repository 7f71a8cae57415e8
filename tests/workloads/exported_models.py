"""Small models that were exported to ONNX, and how: tests/workloads/exported holds the files without weights.

    python -m tests.workloads.exported_models [NAME]...

makes them again, with ``torch.onnx.export`` of the pinned torch; that also needs onnxscript, 20 seconds a
model. A weight becomes a reference to a file that does not exist, so only shapes, and whole numbers, are
kept.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

HERE = Path(__file__).parent / "exported"
KEPT = 64  # elements: a larger constant of floats is a weight, unless it holds two values at most (a mask),
NAMED = "unsqueeze"  # or was computed for the scores of an attention (the relative positions of T5)


class Exported(NamedTuple):
    """A model, its inputs as ``--input`` of workloads.export has them, and the opset of its file."""

    build: Callable[[], nn.Module]
    inputs: tuple[str, ...]
    opset: int


class UNet(nn.Module):
    """One level down, one up by a transposed convolution, and a skip."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.bottom = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU())
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.end = nn.Conv2d(16, 2, 1)

    def forward(self, image: Tensor) -> Tensor:
        left = self.down(image)
        return self.end(torch.cat([left, self.up(self.bottom(left))], dim=1))


class Volumes(nn.Module):
    """3-D convolutions, one grouped, one transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv3d(2, 8, 3, padding=1, stride=(1, 2, 2)), nn.ReLU(), nn.Conv3d(8, 8, 3, groups=4)
        )
        self.up = nn.ConvTranspose3d(8, 4, 2, stride=2)
        self.pool = nn.AvgPool3d(2)

    def forward(self, volume: Tensor) -> Tensor:
        return self.pool(self.up(self.body(volume)))


class Recurrent(nn.Module):
    """Two layers of LSTM, then a bidirectional GRU."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(24, 32, num_layers=2, batch_first=True)
        self.gru = nn.GRU(32, 16, bidirectional=True, batch_first=True)
        self.head = nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.gru(self.lstm(x)[0])[0])


class Contractions(nn.Module):
    """einsum of one, two and three operands, batched products and a broadcast one."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Parameter(torch.zeros(8, 12)), nn.Parameter(torch.zeros(12, 4))

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        first = torch.einsum("bhqd,bhkd->bhqk", a, b)
        second = torch.einsum("bhqd,de,ef->bhqf", a, self.left, self.right)
        return first, second, torch.matmul(a, b[:, :1].transpose(-1, -2))


class Audio(nn.Module):
    """1-D convolutions: strided, dilated, depthwise and transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(1, 8, 10, stride=5), nn.GELU(), nn.Conv1d(8, 8, 3, dilation=2, padding=2, groups=8)
        )
        self.norm = nn.GroupNorm(2, 8)
        self.up = nn.ConvTranspose1d(8, 4, 4, stride=2, padding=1, output_padding=1)

    def forward(self, sound: Tensor) -> Tensor:
        return torch.sigmoid(self.up(self.norm(self.body(sound))))


class BandedAttention(nn.Module):
    """`scaled_dot_product_attention` under a mask of a band, and a causal one."""

    def __init__(self, length: int = 48, window: int = 5) -> None:
        super().__init__()
        place = torch.arange(length)
        self.register_buffer("mask", (place[:, None] - place[None, :]).abs() <= window)
        self.qkv = nn.Linear(32, 96)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (3, 4, 8)).permute(2, 0, 3, 1, 4)
        attend = nn.functional.scaled_dot_product_attention
        return attend(q, k, v, attn_mask=self.mask) + attend(k, q, v, is_causal=True)


class OneOutput(nn.Module):
    """A transformers model that gives its first output alone."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        first: Tensor = self.model(x)[0]
        return first


def _hugging(
    family: str, suffix: str = "Model", *, pooled: bool = True, **settings: Any
) -> Callable[[], nn.Module]:
    """Return what builds a transformers model; `pooled` keeps a pooler, whose output is the second."""

    def build() -> nn.Module:
        import transformers

        config = getattr(transformers, f"{family}Config")(**settings)
        more = {} if pooled else {"add_pooling_layer": False}
        return OneOutput(getattr(transformers, f"{family}{suffix}")(config, **more))

    return build


_SMALL = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96}
_TEXT = {**_SMALL, "vocab_size": 200}
_DECODER = {**_TEXT, "num_key_value_heads": 2, "use_cache": False}
_EAGER = {"attn_implementation": "eager"}
_IMAGE = {"image_size": 32, "patch_size": 8}
_IDS = "1x24:int64:200"
_RESNET = {"embedding_size": 8, "hidden_sizes": [16, 32], "depths": [1, 2], "layer_type": "basic"}
_CONVNEXT = {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}
_SWIN = {"embed_dim": 8, "depths": [2, 2], "num_heads": [2, 4], "window_size": 4, "image_size": 64}
_GPT2 = {"n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 200, "use_cache": False}
_T5 = {"d_model": 64, "d_kv": 16, "d_ff": 96, "num_layers": 2, "num_heads": 4, "vocab_size": 200}

MODELS: dict[str, Exported] = {
    "resnet": Exported(_hugging("ResNet", **_RESNET), ("2x3x32x32",), 18),
    "mobilenet": Exported(_hugging("MobileNetV2", depth_multiplier=0.35), ("1x3x64x64",), 21),
    "convnext": Exported(_hugging("ConvNext", **_CONVNEXT), ("1x3x64x64",), 18),
    "vit": Exported(_hugging("ViT", pooled=False, **_SMALL, **_IMAGE), ("1x3x32x32",), 18),
    "swin": Exported(_hugging("Swin", **_SWIN, **_EAGER), ("1x3x64x64",), 20),
    "bert": Exported(_hugging("Bert", pooled=False, **_TEXT), ("2x24:int64:200",), 18),
    "bert_opset23": Exported(_hugging("Bert", pooled=False, **_TEXT), ("2x24:int64:200",), 23),
    "gpt2": Exported(_hugging("GPT2", **_GPT2), (_IDS,), 18),
    "llama": Exported(_hugging("Llama", **_DECODER, **_EAGER), (_IDS,), 21),
    "llama_opset23": Exported(_hugging("Llama", **_DECODER), (_IDS,), 23),
    "mistral": Exported(_hugging("Mistral", **_DECODER, sliding_window=8, **_EAGER), (_IDS,), 18),
    "modernbert": Exported(
        _hugging("ModernBert", **_TEXT, local_attention=8, pad_token_id=0), ("1x48:int64:200",), 18
    ),
    "t5_encoder": Exported(_hugging("T5", "EncoderModel", **_T5, **_EAGER), (_IDS,), 18),
    "banded": Exported(BandedAttention, ("2x48x32",), 18),
    "unet": Exported(UNet, ("1x3x32x32",), 18),
    "volumes": Exported(Volumes, ("1x2x8x16x16",), 18),
    "audio": Exported(Audio, ("2x1x400",), 18),
    "recurrent": Exported(Recurrent, ("2x7x24",), 18),
    "contractions": Exported(Contractions, ("2x3x10x8", "2x3x10x8"), 18),
}


def example(text: str) -> Tensor:
    """Return an input of the stated shape and type."""
    shape, _, rest = text.partition(":")
    lengths = [int(length) for length in shape.split("x")]
    return torch.zeros(lengths, dtype=torch.int64) if rest else torch.zeros(lengths)


def make(name: str) -> None:
    """Export one model, and write its file without weights."""
    import onnx

    build, inputs, opset = MODELS[name]
    torch.manual_seed(0)
    module = build().eval()
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.onnx"
        examples = tuple(example(text) for text in inputs)
        torch.onnx.export(module, examples, str(whole), opset_version=opset, dynamo=True, external_data=False)
        model = onnx.load(whole)
    strip(model)
    onnx.save(model, HERE / f"{name}.onnx")


def strip(model: Any) -> None:
    """Take the values of the weights out of a model, and the texts that its exporter adds."""
    import onnx

    for tensor in model.graph.initializer:
        elements = 1
        for length in tensor.dims:
            elements *= length
        if elements > KEPT and tensor.data_type == onnx.TensorProto.FLOAT and not _is_kept(tensor):
            for field in ("raw_data", "float_data"):
                tensor.ClearField(field)
            tensor.data_location = onnx.TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value="weights.bin")
    for node in model.graph.node:
        kept = [item for item in node.metadata_props if item.key == "pkg.torch.onnx.name_scopes"]
        scopes = [(item.key, item.value) for item in kept]
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
        for key, value in scopes:
            node.metadata_props.add(key=key, value=value)
    for part in (model, model.graph, *model.graph.value_info, *model.graph.input, *model.graph.output):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    model.graph.ClearField("value_info")


def _is_kept(tensor: Any) -> bool:
    """Whether a constant holds one or two values (zeros, ones, a very negative number), or is named so."""
    from onnx import numpy_helper

    return tensor.name.startswith(NAMED) or len(set(numpy_helper.to_array(tensor).ravel().tolist())) <= 2


def main(names: list[str]) -> None:
    HERE.mkdir(exist_ok=True)
    for name in names or MODELS:
        make(name)
        print(name, (HERE / f"{name}.onnx").stat().st_size, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
