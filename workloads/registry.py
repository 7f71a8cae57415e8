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
from tandemsim.workloads.networks.ssd import SSD300ResNet34, SSDResNet34
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
    name: str,
    summary: str,
    model: str,
    fields: Mapping[str, Any] | None = None,
    tokens: int | None = None,
    cached: int | None = None,
) -> Registered:
    """A preset or model type of transformers, with some fields of its config replaced.

    Of a language model, a text of `tokens`, or the step for one new token after `cached` ones.
    """

    def make() -> Workload:
        from tandemsim.workloads.hugging_face.workload import Decode, hugging_face

        decode = None if cached is None else Decode(batch=1, length=cached)
        workload = hugging_face(model, fields or {}, decode=decode)
        if tokens is None:
            return workload
        ids = workload.inputs.named["input_ids"]
        assert isinstance(ids, InputSpec)  # not a number
        return replace(workload, inputs=Arguments(named={"input_ids": replace(ids, shape=(1, tokens))}))

    return Registered(name, summary, make)


def _classes(architecture: str, **fields: Any) -> dict[str, Any]:
    """Return the fields of a config for the 1000 classes of ImageNet."""
    return {"architectures": [architecture], "num_labels": 1000, **fields}


_RESNET = "ResNetForImageClassification"
_BERT, _LLAMA = "google-bert/bert-base-uncased", "meta-llama/Meta-Llama-3-8B"
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
    _network("ssd-resnet34-300", "SSD with ResNet-34 for COCO, 300x300 image", SSD300ResNet34, 3, 300, 300),
    _hugging_face("vit-b16", "ViT-B/16, 224x224 image, with its pooler, without classes", "vit"),
    _hugging_face(
        "swin-t", "Swin-T, 224x224 image, 1000 classes", "swin", _classes("SwinForImageClassification")
    ),
    _network("unet", "U-Net, 572x572 gray image, 2 classes", UNet, 1, 572, 572),
    _hugging_face("bert-base-128", "BERT base, 128 tokens", _BERT, tokens=128),
    _hugging_face("bert-base-512", "BERT base, 512 tokens", _BERT, tokens=512),
    _hugging_face("bert-large-384", "BERT large, 384 tokens", "google-bert/bert-large-uncased", tokens=384),
    _hugging_face(
        "gpt2-1024",
        "GPT-2 small, 1024 tokens, without scores",
        "openai-community/gpt2",
        {"architectures": ["GPT2Model"]},
        tokens=1024,
    ),
    _hugging_face(
        "whisper-small-encoder",
        "Whisper small, encoder, 30 s of sound",
        "openai/whisper-small",
        {"architectures": ["WhisperEncoder"]},
    ),
    _hugging_face(
        "modernbert-8k",
        "ModernBERT base, 8192 tokens, 129 keys in 14 of 22 layers",
        "answerdotai/ModernBERT-base",
        tokens=8192,
    ),
    _hugging_face(
        "mistral-7b-8k", "Mistral 7B, 8192 tokens, 4096 keys", "mistralai/Mistral-7B-v0.1", tokens=8192
    ),
    _hugging_face(
        "gemma3-4b-8k",
        "Gemma 3 4B, 8192 tokens, 1024 keys in 29 of 34 layers",
        "google/gemma-3-4b-pt",
        tokens=8192,
    ),
    _hugging_face(
        "gpt-oss-20b-8k",
        "gpt-oss 20B, 8192 tokens, 128 keys in 12 of 24 layers, 4 of 32 experts",
        "openai/gpt-oss-20b",
        tokens=8192,
    ),
    _hugging_face("llama3-8b-2k", "Llama 3 8B, 2048 tokens", _LLAMA, tokens=2048),
    _hugging_face("llama3-8b-decode", "Llama 3 8B, one token after 2048", _LLAMA, cached=2048),
)

#: Every model by name, in the order in which they are listed.
WORKLOADS: Mapping[str, Registered] = MappingProxyType({entry.name: entry for entry in _ALL})
