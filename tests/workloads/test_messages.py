"""Whatever goes wrong below a model is one line that says what, in which module and at which line of code."""

import inspect

import pytest
import torch
from torch import nn
from torch.nn import functional

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.traces import limits
from tandemsim.traces.errors import violation
from tandemsim.traces.schema import Source
from tandemsim.workloads import recorder
from tandemsim.workloads.tracer import missing, trace

SOURCE = Source(model="net", configuration={}, exporter="test", exporter_version="0")


class Inner(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Net(nn.Module):
    """Two levels above what goes wrong."""

    def __init__(self, function):
        super().__init__()
        self.stem = nn.Linear(4, 4)
        self.blocks = nn.ModuleList([nn.Sequential(nn.ReLU(), Inner(function))])

    def forward(self, x):
        for block in self.blocks:
            x = block(self.stem(x))
        return x


def helper(x):
    return torch.linalg.inv(x)


def error_of(function):
    with pytest.raises(ConfigError) as found:
        trace(Net(function).to("meta").eval(), [torch.empty(4, 4, device="meta")], SOURCE)
    assert "\n" not in str(found.value)
    return str(found.value)


def grouped(x):
    q = x.view(1, 4, 4, 1)
    return functional.scaled_dot_product_attention(q, q[:, :3], q[:, :3])


@pytest.mark.parametrize(
    "function, message",
    [
        (helper, "operator 'linalg_inv_ex' has no kind in a trace"),
        (
            lambda x: x if x.sum() > 0 else -x,
            "the model asks for a tensor's value, and a trace knows only shapes",
        ),
        (
            lambda x: x[x > 0],
            "operator 'index' gives a tensor whose shape depends on values, and a trace knows",
        ),
        (lambda x: x.unique(), "operator '_unique2' gives a tensor whose shape depends on values"),
        (lambda x: torch.cond(x.sum() > 0, torch.sin, torch.cos, (x,)), "operator 'cond' has no kind"),
        (grouped, "scaled_dot_product_attention must have q, k, v of shape"),
        (lambda x: x.to(torch.uint16), "operator '_to_copy': a traced tensor must be float64, float32,"),
        (lambda x: x @ x[:3], "running net failed: RuntimeError: "),
        (lambda x: {}["key"], "running net failed: KeyError: 'key'"),
        (lambda x: functional.conv2d(x, x), "running net failed: "),
    ],
)
def test_an_error_names_module_and_line(function, message):
    error = error_of(function)
    assert error.startswith(message)
    where = inspect.getsourcelines(function)[1]
    line = error.rpartition(":")[2].rstrip(")")
    assert " (in module 'blocks.0.1', " in error and "test_messages.py:" in error
    assert where <= int(line) <= where + 3


def test_what_pytorch_says_at_length_is_cut():
    error = error_of(lambda x: _fail("word " * 200))
    assert len(error) < 400 and " ... (in module " in error


def _fail(text):
    raise RuntimeError(text)


def test_an_error_of_a_layer_itself_names_the_layer():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(5, 5)).to("meta")
    with pytest.raises(ConfigError, match=r"^running net failed: RuntimeError: .* \(in module '1'\)$"):
        trace(model, [torch.empty(4, 4, device="meta")], SOURCE)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_a_scripted_module_is_refused():
    model = nn.Sequential(nn.Linear(4, 4), torch.jit.script(nn.Linear(4, 4)))
    with pytest.raises(
        ConfigError, match=r"^module '1' is a TorchScript module: trace the module that it was"
    ):
        trace(model, [torch.empty(4, 4)], SOURCE)


def test_a_compiled_module_is_traced_as_what_it_was_made_of():
    model = torch.compile(nn.Linear(4, 5)).to("meta")
    result = trace(model, [torch.empty(2, 4, device="meta")], SOURCE)
    assert result.macs == 2 * 4 * 5


def test_the_limit_of_ops_is_that_of_traces():
    assert recorder.MAX_OPS is limits.MAX_OPS


def test_a_recurrence_that_is_too_long_names_its_module(monkeypatch):
    monkeypatch.setattr(recorder, "MAX_OPS", 100)
    model = nn.Sequential(nn.LSTM(4, 4)).to("meta")
    with pytest.raises(
        ConfigError, match=r"^a trace must hold at most 100 ops: recurrences are .*module '0'\)$"
    ):
        trace(model, [torch.empty(50, 2, 4, device="meta")], SOURCE)


def test_all_that_is_missing_is_listed_with_counts_and_first_place():
    def wanting(x):
        x = torch.linalg.inv(torch.linalg.inv(x))
        if x.sum() > 0:
            x = x + 1
        return torch.linalg.cholesky(x).relu()

    model = Net(wanting).to("meta").eval()
    found = missing(model, [torch.empty(4, 4, device="meta")])
    assert [(item.what, item.count) for item in found] == [
        ("operator 'linalg_inv_ex' has no kind in a trace", 2),
        ("the model asks for a tensor's value, and a trace knows only shapes", 1),
        ("operator 'linalg_cholesky_ex' has no kind in a trace", 1),
    ]
    assert all(item.place.startswith("module 'blocks.0.1', ") for item in found)
    assert missing(nn.Linear(4, 4, device="meta"), [torch.empty(2, 4, device="meta")]) == []


def test_what_stops_the_run_nevertheless_comes_last_in_that_list():
    model = Net(lambda x: torch.linalg.inv(x)[x > 0]).to("meta").eval()
    found = missing(model, [torch.empty(4, 4, device="meta")])
    assert [item.what.split(" ")[1] for item in found] == ["'linalg_inv_ex'", "'index'"]


def test_an_op_that_breaks_a_rule_of_the_format_names_operator_and_module(monkeypatch):
    def refused(op, inputs, outputs):
        raise violation("inputs[0]", "must hold 7 elements", 6)

    monkeypatch.setattr(recorder, "check_shapes", refused)
    said = r"^operator 'addmm': inputs\[0\] must hold 7 elements, not 6 \(in module '0'\)$"
    with pytest.raises(ConfigError, match=said), torch.device("meta"):
        trace(nn.Sequential(nn.Linear(3, 2)), [torch.empty(2, 3)], SOURCE)
