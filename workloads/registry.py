"""The models that are exported to `traces/data`: name, one line, and the workload that it stands for.

Classes of transformers are imported when their model is asked for, as that takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from torch import nn

from tandemsim.sim.arch.checks import to_dict
from tandemsim.workloads import longformer, vil
from tandemsim.workloads.inputs import Arguments, InputSpec
from tandemsim.workloads.longformer import Longformer, LongformerConfig
from tandemsim.workloads.networks.googlenet import GoogLeNet
from tandemsim.workloads.networks.inception import InceptionV3
from tandemsim.workloads.networks.ssd import SSDResNet34
from tandemsim.workloads.networks.tiny_yolo import TinyYOLOv2
from tandemsim.workloads.networks.unet import UNet
from tandemsim.workloads.networks.vgg import VGG16
from tandemsim.workloads.vil import ViL, ViLConfig
from tandemsim.workloads.workload import Workload


@dataclass(frozen=True, slots=True)
class Registered:
    """A model that has a name of its own."""

    name: str
    summary: str
    make: Callable[[], Workload]

    def workload(self) -> Workload:
        """Return what the name stands for."""
        return replace(self.make(), name=self.name, summary=self.summary)


def _longformer(name: str, summary: str, config: LongformerConfig) -> Registered:
    shape, first = (1, config.seq_len), config.padding_index + 1
    ids = InputSpec(shape=shape, dtype="int64", first=first, end=config.vocab)
    return _own(name, summary, lambda: Longformer(config), ids, to_dict(config))


def _vil(name: str, summary: str, config: ViLConfig) -> Registered:
    image = InputSpec(shape=(1, config.channels, config.image, config.image))
    return _own(name, summary, lambda: ViL(config), image, to_dict(config))


def _network(name: str, summary: str, build: Callable[[], nn.Module], *shape: int) -> Registered:
    """A network of `workloads.networks` on one image of (channels, height, width)."""
    return _own(name, summary, build, InputSpec(shape=(1, *shape)), {})


def _own(
    name: str,
    summary: str,
    build: Callable[[], nn.Module],
    spec: InputSpec,
    configuration: Mapping[str, Any],
) -> Registered:
    inputs = Arguments((spec,))
    workload = Workload(name=name, summary=summary, build=build, inputs=inputs, configuration=configuration)
    return Registered(name, summary, lambda: workload)


def _hugging_face(
    name: str, summary: str, model: str, fields: Mapping[str, Any] | None = None, **inputs: InputSpec
) -> Registered:
    """A preset or model type of transformers, with some fields of its config and some inputs replaced."""

    def make() -> Workload:
        from tandemsim.workloads.hugging_face.workload import hugging_face

        return hugging_face(model, fields or {}, Arguments(named=inputs) if inputs else None)

    return Registered(name, summary, make)


def _text(tokens: int, vocabulary: int) -> InputSpec:
    return InputSpec(shape=(1, tokens), dtype="int64", end=vocabulary)


def _classes(architecture: str, **fields: Any) -> dict[str, Any]:
    """Return the fields of a config for the 1000 classes of ImageNet."""
    return {"architectures": [architecture], "num_labels": 1000, **fields}


_RESNET = "ResNetForImageClassification"
_LARGE = {"num_hidden_layers": 24, "hidden_size": 1024, "num_attention_heads": 16, "intermediate_size": 4096}
_WHISPER_SMALL = {
    "architectures": ["WhisperEncoder"],
    **{"d_model": 768, "encoder_layers": 12, "encoder_attention_heads": 12, "encoder_ffn_dim": 3072},
}
_BASIC = _classes(_RESNET, layer_type="basic", depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512])

_ALL = (
    _longformer("longformer", "Longformer base, 4096 tokens, 513 keys, 1 global token", longformer.BASE),
    _longformer("longformer-large", "Longformer large, 4096 tokens, 24 layers, 16 heads", longformer.LARGE),
    _longformer("longformer-16k", "Longformer base on 16384 tokens", longformer.BASE_16K),
    _vil("vil-tiny", "ViL tiny, 224x224 image, 15x15 windows in stages 1 and 2, 6.7 M parameters", vil.TINY),
    _vil("vil-small", "ViL small, 224x224 image, 24.6 M parameters", vil.SMALL),
    _vil("vil-medium-wide", "ViL medium-wide, 224x224 image, 39.8 M parameters", vil.MEDIUM_WIDE),
    _network("vgg16", "VGG16, 224x224 image, 1000 classes", VGG16, 3, 224, 224),
    _hugging_face("resnet18", "ResNet-18, 224x224 image, 1000 classes", "resnet", _BASIC),
    _hugging_face("resnet50", "ResNet-50, 224x224 image, 1000 classes", "resnet", _classes(_RESNET)),
    _network("inceptionv3", "Inception v3, 299x299 image, 1000 classes", InceptionV3, 3, 299, 299),
    _network("googlenet", "GoogLeNet, 224x224 image, 1000 classes", GoogLeNet, 3, 224, 224),
    _hugging_face(
        "mobilenet-v2",
        "MobileNetV2, 224x224 image, 1000 classes",
        "mobilenet_v2",
        _classes("MobileNetV2ForImageClassification"),
    ),
    _hugging_face(
        "efficientnet-b0",
        "EfficientNet-B0, 224x224 image, 1000 classes",
        "efficientnet",
        _classes(
            "EfficientNetForImageClassification",
            **{"image_size": 224, "width_coefficient": 1.0, "depth_coefficient": 1.0, "hidden_dim": 1280},
        ),
    ),
    _network("tiny-yolov2", "Tiny YOLOv2 for VOC, 416x416 image", TinyYOLOv2, 3, 416, 416),
    _network("ssd-resnet34", "SSD with ResNet-34 for COCO, 1200x1200 image", SSDResNet34, 3, 1200, 1200),
    _hugging_face("vit-b16", "ViT-B/16, 224x224 image, with its pooler, without classes", "vit"),
    _hugging_face(
        "swin-t", "Swin-T, 224x224 image, 1000 classes", "swin", _classes("SwinForImageClassification")
    ),
    _network("unet", "U-Net, 572x572 gray image, 2 classes", UNet, 1, 572, 572),
    _hugging_face("bert-base-128", "BERT base, 128 tokens", "bert", input_ids=_text(128, 30522)),
    _hugging_face("bert-base-512", "BERT base, 512 tokens", "bert", input_ids=_text(512, 30522)),
    _hugging_face("bert-large-384", "BERT large, 384 tokens", "bert", _LARGE, input_ids=_text(384, 30522)),
    _hugging_face(
        "gpt2-1024", "GPT-2 small, 1024 tokens, without scores", "gpt2", input_ids=_text(1024, 50257)
    ),
    _hugging_face(
        "whisper-small-encoder", "Whisper small, encoder, 30 s of sound", "whisper", _WHISPER_SMALL
    ),
)

#: Every model by name, in the order in which they are listed.
WORKLOADS: Mapping[str, Registered] = MappingProxyType({entry.name: entry for entry in _ALL})
