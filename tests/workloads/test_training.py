"""A training step: the MACs that PyTorch counts, ops named by their modules, new weights as outputs."""

import math

import pytest
import torch
import transformers
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.traces.schema import Source
from tandemsim.workloads.attention import window_attention
from tandemsim.workloads.tracer import trace
from tandemsim.workloads.training import TrainingStep

SOURCE = Source(model="test", configuration={}, exporter="test", exporter_version="0")


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.1)


class ConvNet(nn.Module):
    """Batch norm in training, a write in place, dilation, dropout."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 16, 7, stride=2, padding=3), nn.BatchNorm2d(16)
        self.dilated = nn.Conv2d(16, 24, (3, 5), padding=(2, 4), dilation=2, bias=False)
        self.head = nn.Linear(24, 10)

    def forward(self, image):
        x = functional.max_pool2d(functional.relu(self.norm(self.stem(image)), inplace=True), 2)
        x = functional.adaptive_avg_pool2d(self.dilated(x), 1).flatten(1)
        return self.head(functional.dropout(x, 0.1, self.training))


class Bert(nn.Module):
    def __init__(self):
        super().__init__()
        sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 99}
        config = transformers.BertConfig(**sizes, intermediate_size=64)
        self.bert = transformers.BertForSequenceClassification(config)

    def forward(self, ids):
        return self.bert(ids).logits


class First(nn.Module):
    """The first result of a module."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return self.module(x)[0]


def mlp():
    return nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 10))


def meta(*shape, dtype=torch.float32):
    return torch.empty(shape, dtype=dtype, device="meta")


def labels(*shape):
    return meta(*shape, dtype=torch.int64)


def square(y):
    return y.square().mean()


class Mixtral(nn.Module):
    def __init__(self):
        super().__init__()
        sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "vocab_size": 99}
        sizes |= {"intermediate_size": 64, "num_key_value_heads": 2, "num_local_experts": 4}
        config = transformers.MixtralConfig(**sizes, sliding_window=4)
        config._experts_implementation_internal = "batched_mm"  # whose operators run on any device
        self.mixtral = transformers.MixtralModel(config)

    def forward(self, ids):
        return self.mixtral(ids)[0]


CLASSES = {
    "mlp": (mlp, functional.cross_entropy, [meta(8, 16), labels(8)]),
    "conv": (ConvNet, functional.cross_entropy, [meta(2, 3, 32, 32), labels(2)]),
    "bert": (Bert, functional.cross_entropy, [labels(2, 9), labels(2)]),
    "mixtral": (Mixtral, square, [labels(2, 9)]),
    "conv1d": (lambda: nn.Sequential(nn.Conv1d(4, 6, 3), nn.GELU()), square, [meta(2, 4, 16)]),
    "transposed": (
        lambda: nn.Sequential(nn.Conv2d(2, 4, 1), nn.ConvTranspose2d(4, 6, 3, 2)), square, [meta(2, 2, 5, 5)],
    ),
    "conv3d": (
        lambda: nn.Sequential(nn.Conv3d(2, 4, 3), nn.SiLU(), nn.AvgPool3d(2)), square, [meta(2, 2, 8, 8, 8)],
    ),
    "lstm": (lambda: First(nn.LSTM(6, 8)), square, [meta(5, 2, 6)]),
    "encoder": (lambda: nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), square, [meta(2, 11, 32)]),
    "embedding": (lambda: nn.Sequential(nn.Embedding(9, 4), nn.LayerNorm(4)), square, [labels(3, 5)]),
}  # fmt: skip


def step_of(name, optimize=None):
    build, loss, inputs = CLASSES[name]
    return TrainingStep(build(), loss, optimize, targets=0 if loss is square else 1).to("meta"), inputs


def traced(name, optimize=None):
    return trace(*step_of(name, optimize), SOURCE)


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("optimize", [None, sgd])
def test_macs_are_half_of_what_pytorch_counts(name, optimize):
    step, inputs = step_of(name, optimize)
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        step(*inputs)
    assert 2 * traced(name, optimize).macs == counter.get_total_flops()


@pytest.mark.parametrize(
    "optimize, ops",
    [
        (sgd, 1),  # the addition of the gradient
        (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9), 2),
        (torch.optim.AdamW, 6),
        (lambda p: torch.optim.Adam(p, amsgrad=True), 7),
        (torch.optim.RMSprop, 4),
    ],
)
def test_an_optimizer_adds_the_same_ops_for_each_parameter_and_makes_them_outputs(optimize, ops):
    result = traced("mlp", optimize)
    assert sum(op.name.startswith("update") for op in result.ops) == 4 * ops
    assert result.macs == traced("mlp").macs
    outputs = [tensor.shape for tensor in result.tensors if tensor.role == "output"]
    assert sorted(outputs) == [(), (10,), (10, 32), (32,), (32, 16)]


def test_an_op_of_the_backward_pass_is_named_by_the_module_that_it_belongs_to():
    names = [op.name for op in traced("mlp").ops]
    assert names[:3] == ["model.0", "model.1", "model.2"]
    assert names[-6:] == [
        *("model.2.backward.mm", "model.2.backward.mm_2", "model.2.backward.sum", "model.1.backward"),
        *("model.0.backward.mm", "model.0.backward.sum"),
    ]


def test_gradients_of_a_grouped_convolution_cost_as_much_as_the_convolution_each():
    step = TrainingStep(nn.Conv2d(4, 8, 3, groups=2), square, targets=0).to("meta")
    image = meta(2, 4, 10, 10).requires_grad_()
    result = trace(step, [image], SOURCE)
    forward, backward = (
        next(op for op in result.ops if op.kind == kind) for kind in ("conv2d", "conv_backward")
    )
    assert forward.macs == math.prod((2, 8, 8, 8)) * 2 * 9  # FlopCounterMode takes the groups for one
    assert backward.attrs["gradients"] == ["input", "weight", "bias"]
    assert backward.macs == 2 * forward.macs


def test_a_window_attention_has_no_gradient():
    class Windowed(nn.Module):
        def __init__(self):
            super().__init__()
            self.project = nn.Linear(8, 8)

        def forward(self, x):
            x = self.project(x)
            return window_attention(x, x, x, bands=[[-2, 2, 1]])

    step = TrainingStep(Windowed(), square, targets=0).to("meta")
    with pytest.raises(ConfigError, match="no autograd formula"):
        trace(step, [meta(1, 2, 16, 8)], SOURCE)
