"""The float64 run of ``--functional``, with a module's own weights, is what PyTorch computes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from tandemsim.sim.ant.layers import Bits
from tandemsim.sim.ant.values.tensors import Tensors
from tandemsim.sim.ant.values.walk import Walk
from tandemsim.sim.arch.ant.presets import ANT
from tandemsim.workloads.modules import trace_module


class Images(nn.Module):
    """Convolutions of several strides, groups and dilations, norms, pools, a residual, a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 7, stride=2, padding=3, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8)
        self.point = nn.Conv2d(8, 12, 1)
        self.last = nn.BatchNorm2d(12)
        self.head = nn.Linear(12, 5)
        for each in (self.norm, self.last):
            nn.init.uniform_(each.running_var, 0.5, 2)
            nn.init.normal_(each.running_mean)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        first = functional.max_pool2d(torch.relu(self.norm(self.stem(image))), 3, 2, 1)
        second = functional.silu(self.last(self.point(first + self.depthwise(first))))
        return self.head(second.mean(dim=(2, 3)))


class Encoder(nn.Module):
    """An embedding, attention of heads with separate projections, and what stands around it in BERT."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(20, 12), nn.Parameter(torch.randn(1, 6, 12))
        self.q, self.k, self.v, self.out = (nn.Linear(12, 12) for _ in range(4))
        self.up, self.down = nn.Linear(12, 24), nn.Linear(24, 12)
        self.first, self.second = nn.LayerNorm(12), nn.LayerNorm(12)
        self.pooler = nn.Linear(12, 12)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.words(ids) + self.places
        q, k, v = (layer(x).view(1, 6, 3, 4).transpose(1, 2) for layer in (self.q, self.k, self.v))
        met = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(1, 6, 12)
        x = self.first(x + self.out(met))
        x = self.second(x + self.down(functional.gelu(self.up(x))))
        return torch.tanh(self.pooler(x[:, 0]))


CASES = {
    "images": (Images, "1x3x32x32", lambda: torch.randn(1, 3, 32, 32, dtype=torch.float64)),
    "encoder": (Encoder, "1x6:int64", lambda: torch.randint(0, 20, (1, 6))),
}


@pytest.mark.parametrize("name", CASES)
def test_a_module_computes_the_float64_run_of_its_trace(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    make, shape, given = CASES[name]
    module, value = make().eval(), given()
    trace = trace_module(module, [shape], name)
    module.double()
    arrays = {key: tensor.numpy() for key, tensor in module.state_dict().items() if tensor.ndim}
    (place,) = (each for each in trace.tensors if each.role == "input" and each.alias_of is None)
    np.savez(tmp_path / "t.npz", **{str(place.id): value.numpy()}, **arrays)
    kinds = ("gemm", "conv2d", "attention")
    bits = {op.id: Bits(8, 8, (2, 2)) for op in trace.ops if op.kind in kinds}
    tensors = Tensors(trace, tmp_path / "t.npz", 0)
    assert len(tensors.stored) == len(tensors.own)
    walk = Walk(trace, ANT, bits, tensors)
    made = {}
    keep = walk._made

    def kept(op):
        result = keep(op)
        made[op.outputs[0]] = result[0]
        return result

    walk._made = kept
    found = walk.run()
    assert found.drawn == []
    last = made[trace.ops[-1].outputs[0]]
    expected = module(value).detach().numpy()
    assert np.allclose(last.exact.reshape(expected.shape), expected, rtol=1e-9, atol=1e-10)
    assert found.outputs.sqnr_db > 25
