"""A trace holds every op of a model once, under its module's name, views as aliases, with PyTorch's MACs."""

import pytest
import torch
import transformers
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.traces.schema import Source
from tandemsim.workloads.tracer import trace

SOURCE = Source(model="test", configuration={}, exporter="test", exporter_version="0")


class Function(nn.Module):
    """A function of tensors as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


def traced(module, *shapes, dtype=torch.float32):
    """Trace a module, or a function of tensors, on inputs of these shapes."""
    module = module if isinstance(module, nn.Module) else Function(module)
    inputs = [torch.empty(shape, dtype=dtype, device="meta") for shape in shapes]
    return trace(module.to("meta").eval(), inputs, SOURCE)


def functions(result):
    return [op.attrs.get("function", op.kind) for op in result.ops]


# -- multiply-accumulates ------------------------------------------------------------------------------------


class ConvNet(nn.Module):
    """Grouped, strided, dilated and padded convolutions, batch norm, pooling, a residual, a classifier."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 7, stride=2, padding=3)
        self.norm = nn.BatchNorm2d(16)
        self.depthwise = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.dilated = nn.Conv2d(16, 24, (3, 5), padding=(2, 4), dilation=2, bias=False)
        self.head = nn.Linear(24, 10)

    def forward(self, image):
        x = functional.max_pool2d(functional.relu(self.norm(self.stem(image)), inplace=True), 2)
        x = self.dilated(x + self.depthwise(x))
        return self.head(functional.adaptive_avg_pool2d(x, 1).flatten(1))


def bert():
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    return transformers.BertModel(transformers.BertConfig(**sizes, attn_implementation="eager"))


@pytest.mark.parametrize(
    "build, shape, dtype",
    [
        (ConvNet, (2, 3, 37, 41), torch.float32),
        (lambda: nn.Conv1d(4, 6, 5, stride=2, padding=1, groups=2), (3, 4, 29), torch.float32),
        (lambda: nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), (2, 11, 32), torch.float32),
        (lambda: nn.LSTM(6, 8), (5, 2, 6), torch.float32),
        (bert, (2, 9), torch.int64),
        (lambda: Function(lambda a: torch.einsum("bij,bkj->bik", a, a)), (3, 5, 4), torch.float32),
        (lambda: Function(lambda a: torch.baddbmm(a, a, a)), (3, 5, 5), torch.float32),
        (
            lambda: Function(lambda a: functional.scaled_dot_product_attention(a, a, a)),
            (2, 3, 7, 8),
            torch.float32,
        ),
    ],
    ids=["conv", "conv1d", "encoder", "lstm", "bert", "einsum", "baddbmm", "attention"],
)
def test_macs_are_half_of_what_pytorch_counts(build, shape, dtype):
    module = build().eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module.to("meta")(torch.empty(shape, dtype=dtype, device="meta"))
    assert 2 * traced(module, shape, dtype=dtype).macs == counter.get_total_flops() > 0


def test_products_with_vectors_are_thin_gemms():
    result = traced(lambda a: (a @ a[0], torch.dot(a[0], a[1])), (5, 5))
    assert [(op.dims["m"], op.dims["n"], op.dims["k"]) for op in result.ops] == [(5, 1, 5), (1, 1, 5)]


# -- names ---------------------------------------------------------------------------------------------------


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.other = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return self.other(torch.tanh(self.linear(x) + x) + x) + self.linear(x)


def test_an_op_is_named_by_its_module_and_by_its_function_only_where_that_is_needed():
    result = traced(nn.Sequential(Block(), nn.ReLU()), (2, 4))
    assert [op.name for op in result.ops] == [
        *("0.linear.addmm", "0.add", "0.tanh", "0.add_2", "0.other", "0.linear.addmm_2", "0.add_3"),
        "1",
    ]


def test_an_op_of_the_model_itself_is_named_by_its_function():
    class Whole(nn.Module):
        def forward(self, x):
            return (x + 1).relu()

    assert [op.name for op in traced(Whole(), (2, 4)).ops] == ["add", "relu"]


# -- tensors -------------------------------------------------------------------------------------------------


def test_views_are_aliases_and_not_ops():
    result = traced(lambda a: a.view(2, 6).t()[1:].unsqueeze(0).relu(), (3, 4))
    (op,) = result.ops
    tensors = result.tensor_map()
    view = tensors[op.inputs[0]]
    assert (view.shape, view.role) == ((1, 5, 2), "input")
    assert tensors[view.alias_of].shape == (3, 4)
    assert len(result.tensors) == 3


def test_a_copy_that_a_reshape_forces_is_an_op():
    assert functions(traced(lambda a: a.t().reshape(12).relu(), (3, 4))) == ["copy", "relu"]


def test_parameters_keep_their_names_and_are_weights():
    result = traced(nn.Linear(4, 5), (2, 4))
    named = {tensor.name: (tensor.shape, tensor.role) for tensor in result.tensors if tensor.name}
    assert named == {"weight": ((5, 4), "weight"), "bias": ((5,), "weight")}


def test_what_the_model_returns_is_an_output():
    result = traced(lambda a: {"first": a + 1, "second": [(a * 2).t()]}, (3, 4))
    outputs = [
        (tensor.shape, tensor.alias_of is None) for tensor in result.tensors if tensor.role == "output"
    ]
    assert sorted(outputs) == [((3, 4), True), ((4, 3), False)]


def test_a_second_result_is_kept_only_if_it_is_used():
    both = traced(lambda a: torch.topk(a, 2), (3, 4)).ops[0]
    values = traced(lambda a: torch.topk(a, 2)[0], (3, 4)).ops[0]
    assert (len(both.outputs), len(values.outputs)) == (2, 1)


def test_constants_are_folded_and_not_ops():
    def causal(scores):
        places = torch.arange(scores.shape[-1])
        hidden = (places[None, :] > places[:, None]).float() * -1e9
        return scores + hidden

    result = traced(causal, (2, 6, 6))
    (op,) = result.ops
    mask = result.tensor_map()[op.inputs[1]]
    assert (op.kind, mask.role, mask.shape) == ("eltwise", "weight", (6, 6))


def test_products_of_constants_are_not_folded():
    class LowRank(nn.Module):
        def __init__(self):
            super().__init__()
            self.down, self.up = nn.Parameter(torch.zeros(8, 2)), nn.Parameter(torch.zeros(2, 8))

        def forward(self, x):
            return x @ (self.down @ self.up)

    assert traced(LowRank(), (4, 8)).macs == 8 * 2 * 8 + 4 * 8 * 8


# -- writes in place -----------------------------------------------------------------------------------------


def test_a_write_in_place_makes_a_new_tensor_that_older_views_see():
    def model(a):
        b = a + 1
        view = b[:, 0]
        b.relu_()
        return view * 2

    result = traced(model, (3, 4))
    add, relu, mul = result.ops
    assert relu.inputs == add.outputs
    assert result.tensor_map()[mul.inputs[0]].alias_of == relu.outputs[0] != add.outputs[0]


def test_a_write_to_a_part_is_a_scatter_into_the_whole():
    def model(a):
        b = a + 1
        b[1:3].mul_(2)
        return b.relu()

    add, scatter, relu = traced(model, (3, 4)).ops
    assert (scatter.kind, scatter.dims["elements"]) == ("scatter", 12)
    assert scatter.attrs == {"function": "mul", "written": 8}
    assert add.outputs[0] in scatter.inputs
    assert relu.inputs == scatter.outputs


def test_a_copy_does_not_read_what_it_overwrites():
    def model(a, b):
        a = a + 1
        a.copy_(b)
        return a.relu()

    result = traced(model, (3, 4), (3, 4))
    copy = result.ops[1]
    assert [result.tensor_map()[number].role for number in copy.inputs] == ["input"]


def test_a_tensor_that_changes_its_shape_in_place_is_another_view():
    result = traced(lambda a: (a.relu(), a.squeeze_(0) * 2), (1, 4))
    assert [result.tensor_map()[op.inputs[0]].shape for op in result.ops] == [(1, 4), (4,)]


# -- what cannot be said -------------------------------------------------------------------------------------


def test_an_unknown_operator_is_an_error_that_names_it_and_its_module():
    model = nn.Sequential(nn.Linear(4, 4), Function(torch.linalg.inv))
    line = r"operator 'linalg_inv_ex' has no kind in a trace \(in module '1', .*test_tracer.py:\d+\)"
    with pytest.raises(ConfigError, match=f"^{line}$"):
        traced(model, (4, 4))


def test_random_numbers_are_given_and_a_draw_that_depends_on_an_input_is_an_op():
    result = traced(lambda a: torch.bernoulli(a) + torch.rand(4) + torch.randn_like(a), (4, 4))
    assert functions(result) == ["bernoulli", "add", "add"]
    assert sorted(tensor.shape for tensor in result.tensors if tensor.name) == [(4,), (4, 4)]


def test_an_operator_that_only_writes_is_an_error_too():
    with pytest.raises(ConfigError, match="operator '_foreach_add'"):
        traced(lambda a: torch._foreach_add_([a, a], 1), (4, 4))


def test_a_value_that_follows_from_shapes_is_known():
    def model(a):
        places = torch.arange(a.shape[0])
        ordered = bool((places[1:] > places[:-1]).all())
        return a * int(places[-1]) if ordered else a.relu()

    assert functions(traced(model, (4, 4))) == ["mul"]


@pytest.mark.parametrize("overwritten", [False, True])
def test_a_value_that_depends_on_an_input_is_not_known(overwritten):
    def model(a):
        flags = torch.zeros(4)
        if overwritten:
            flags[0] = a[0, 0]
        return a.relu() if (flags if overwritten else a).any() else a

    with pytest.raises(ConfigError, match="asks for a tensor's value, and a trace knows only shapes"):
        traced(model, (4, 4))
