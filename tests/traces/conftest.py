"""A small trace with every feature of the format, and what the suites do with it."""

import hashlib
import json

import numpy as np
import pytest

from tandemsim.traces.arrays import array_info
from tandemsim.traces.kinds import macs
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.schema import Op, Quant, Source, Tensor
from tandemsim.traces.validate import seal

SCALES = np.linspace(0.5, 1.5, 6, dtype=np.float32)


class Builder:
    """Collects tensors and ops; each call returns the id of the new tensor."""

    def __init__(self):
        self.tensors, self.ops = [], []

    def tensor(self, shape, role, dtype="float32", **more):
        self.tensors.append(Tensor(id=len(self.tensors), shape=shape, dtype=dtype, role=role, **more))
        return len(self.tensors) - 1

    def op(self, kind, inputs, shape, dims, attrs=None, role="activation"):
        output = self.tensor(shape, role)
        stated = {"dims": dims, "attrs": attrs or {}, "macs": macs(kind, dims, attrs or {})}
        stated |= {"id": len(self.ops), "name": f"layer.{len(self.ops)}"}
        self.ops.append(Op(kind=kind, inputs=tuple(inputs), outputs=(output,), **stated))
        return output

    def seal(self, **more):
        rate = {"rate": 0.1, "patches": [4, 5]}
        source = Source(model="small", configuration=rate, exporter="tests", exporter_version="1")
        return seal(source=source, tensors=self.tensors, ops=self.ops, **more)


def build():
    """An image of 4 × 5 patches behind 2 tokens: convolution, both windows, views, scales, most kinds."""
    b = Builder()
    image, kernel = b.tensor((1, 3, 9, 11), "input"), b.tensor((6, 3, 3, 3), "weight", name="stem")
    conv = {"batch": 1, "in_channels": 3, "out_channels": 6, "height": 9, "width": 11}
    conv |= {"kernel_h": 3, "kernel_w": 3, "stride_h": 2, "stride_w": 2}
    patches = b.op("conv2d", [image, kernel], (1, 6, 4, 5), conv)
    flat = b.tensor((20, 6), "activation", alias_of=patches)
    tokens = b.tensor((2, 6), "weight", name="tokens")
    joined = b.op("scatter", [tokens, flat], (22, 6), {"elements": 132})
    normed = b.op("norm", [joined], (22, 6), {"elements": 132, "reduced": 6})
    weight = b.tensor((6, 6), "weight", quant=Quant(bits=4, type="int", axis=0, scales="scales"))
    query = b.op("gemm", [normed, weight], (22, 6), {"m": 22, "n": 6, "k": 6})
    q = b.tensor((1, 2, 22, 3), "activation", alias_of=query)
    heads, shape = {"batch": 1, "heads": 2, "head_dim": 3}, (1, 2, 22, 3)
    vil, band = Pattern.vil(4, 5, 3, outside=2), Pattern.longformer(22, 4, (3, 0))
    x = b.op("window_attention", [q, q, q], shape, {**heads, "seq_len": 22, "grid": (4, 5)}, vil.attrs())
    few = b.tensor((1, 2, 2, 3), "activation", alias_of=x)
    x = b.op("window_attention", [x, x, x, few, x, x], shape, {**heads, "seq_len": 22}, band.attrs())
    x = b.op("attention", [x, x, x], shape, {**heads, "q_len": 22, "kv_len": 22})
    x = b.op("softmax", [x], shape, {"elements": 132, "reduced": 3}, {"axis": -1, "scale": 0.5})
    x = b.op("gather", [x, b.tensor((4,), "index", dtype="int64")], (4, 6), {"elements": 24})
    b.op("reduce", [x], (6,), {"elements": 6, "reduced": 4}, role="output")
    return b.seal(arrays={"scales": array_info(SCALES)})


@pytest.fixture(scope="session")
def small():
    return build()


@pytest.fixture(scope="session")
def scales():
    return {"scales": SCALES}


@pytest.fixture
def builder():
    return Builder()


@pytest.fixture(scope="session")
def resealed():
    """A function: the JSON of an edited document with a digest that fits, as a wrong exporter would write it.

    It takes the digest from the format's definition, with the standard library: no code of the package.
    """

    def reseal(document):
        body = {key: value for key, value in document.items() if key != "digest"}
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return json.dumps(document | {"digest": hashlib.sha256(text.encode()).hexdigest()}).encode()

    return reseal
