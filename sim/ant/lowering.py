"""What the machine makes of each op of a trace: products on the array, passes of the vector unit, or nothing.

A product is ``count`` times (m, k) x (k, n). A convolution is one by implicit im2col: m are the places of its
output, k the kernel's places times the channels. Attention is two products and a softmax for each block of
queries of a head. An op that follows a product element by element rides on its output words: bias, batch
norm, activation, residual. Everything else is passes over the rows of a tensor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType

from tandemsim.sim.ant.layers import Attention, Beside, Bits, Conversion, Image, Layer, Passes, Product
from tandemsim.sim.ant.stored import groups_of, stored_bits, whole
from tandemsim.sim.arch.ant.config import AntArray
from tandemsim.traces.convolution import conv_output
from tandemsim.traces.schema import Op, Trace

RIDING = frozenset({"act", "eltwise", "quantize", "norm"})
VECTOR = frozenset(
    {
        "softmax",
        "norm",
        "eltwise",
        "act",
        "pool",
        "gather",
        "scatter",
        "reduce",
        "topk",
        "quantize",
        "cache_append",
    }
)
PRODUCTS = frozenset({"gemm", "grouped_gemm", "conv2d"})
ATTENTIONS = frozenset({"attention", "window_attention"})
RUNS = PRODUCTS | ATTENTIONS | VECTOR
STORED = 8  # bits of a value that the vector unit reads


class Lowering:
    """Lowers the ops of a trace in their order: `layers` holds one for each op that does not ride."""

    def __init__(
        self,
        trace: Trace,
        ops: Sequence[Op],
        bits: Mapping[int, Bits],
        batch: int,
        array: AntArray,
        beside: Mapping[int, tuple[int, int]] = MappingProxyType({}),
    ) -> None:
        """`beside`: attentions of another array by op id; bits of an element that it reads, and writes."""
        self.tensors = trace.tensor_map()
        self.batch, self.bits = batch, bits
        self._array, self._beside = array, beside
        self.layers: list[Layer] = []
        self.rides_on: dict[int, int] = {}  # op id -> place of the layer
        self.made_by: dict[int, int] = {}  # tensor -> place of the layer
        self._uses: dict[int, int] = {}
        for op in trace.ops:
            for root in {self.root(each) for each in op.inputs}:
                self._uses[root] = self._uses.get(root, 0) + 1
        for op in ops:
            self._lower(op)
        run = {op.id for op in ops}
        self._elsewhere = {self.root(each) for op in trace.ops if op.id not in run for each in op.inputs}
        self._elsewhere |= {self.root(each.id) for each in trace.tensors if each.role == "output"}

    def root(self, tensor: int) -> int:
        """Return the tensor whose memory one is a view of."""
        while self.tensors[tensor].alias_of is not None:
            tensor = self.tensors[tensor].alias_of  # type: ignore[assignment]
        return tensor

    def elements(self, tensor: int) -> int:
        """Return the elements of a tensor, of all items of the batch unless it is a weight."""
        item = self.tensors[self.root(tensor)]
        return item.elements * (self.batch if item.role in ("activation", "input", "output") else 1)

    def is_read_elsewhere(self, tensor: int) -> bool:
        """Return whether a result is one of the model, or read by an op that does not run."""
        return tensor in self._elsewhere

    def is_weight(self, tensor: int) -> bool:
        """Return whether a tensor is there from the start and the same for all items of a batch."""
        return self.tensors[self.root(tensor)].role not in ("activation", "input", "output")

    def _lower(self, op: Op) -> None:
        if self._rides(op):
            return
        if op.kind in PRODUCTS:
            layer: Layer = self._product(op)
        elif op.id in self._beside:
            layer = self._attention_beside(op)
        elif op.kind in ATTENTIONS:
            layer = self._attention(op)
        else:
            layer = self._passes(op)
        for output in op.outputs:
            self.made_by[self.root(output)] = len(self.layers)
        self.layers.append(layer)

    def _rides(self, op: Op) -> bool:
        """Let an op ride on the last layer that makes one of its inputs, where it can."""
        if op.kind not in RIDING or op.dims.get("reduced", 1) != 1 or len(op.outputs) != 1:
            return False
        made = {root: self.made_by[root] for root in map(self.root, op.inputs) if root in self.made_by}
        if not made:
            return False
        place = max(made.values())
        layer = self.layers[place]
        sources = [root for root, maker in made.items() if maker == place]
        size = self.elements(op.outputs[0])
        if not isinstance(layer, Product | Attention) or len(sources) != 1 or layer.output != sources[0]:
            return False
        if self._uses[sources[0]] != 1 or self.elements(sources[0]) != size:
            return False
        layer.riders.append(op.id)
        layer.operands += [root for root in dict.fromkeys(map(self.root, op.inputs)) if root != sources[0]]
        layer.output = self.root(op.outputs[0])
        del self.made_by[sources[0]]
        self.made_by[layer.output] = place
        self.rides_on[op.id] = place
        return True

    def _product(self, op: Op) -> Product:
        activation, weight = (self.root(each) for each in op.inputs[:2])
        stored = self.is_weight(weight)
        common = {
            "op": op,
            "bits": self.bits[op.id],
            "activation": activation,
            "weight": weight,
            "is_stored": stored,
            "output": self.root(op.outputs[0]),
        }
        if op.kind == "conv2d":
            product = self._convolution(op, common)
        else:
            product = self._gemm(op, stored, common)
        product.operands += [self.root(each) for each in op.inputs[2:]]
        return product

    def _gemm(self, op: Op, stored: bool, common: Mapping[str, object]) -> Product:
        m, n, k = (op.dim(name) for name in ("m", "n", "k"))
        bits = self.bits[op.id]
        sides = zip((bits.activation, bits.weight), bits.blocks, strict=True)
        common = {**common, "widths": tuple(stored_bits(*side, k) for side in sides)}
        if op.kind == "grouped_gemm":  # as many rows of each group, within one; of few rows, as many groups
            m *= self.batch
            groups = min(op.dim("groups"), m)
            return Product(m=-(-m // groups), n=n, k=k, count=groups, **common)  # type: ignore[arg-type]
        each = op.dim("batch")
        if stored and (each == 1 or self.elements(op.inputs[1]) == n * k):  # one weight of all
            return Product(m=m * each * self.batch, n=n, k=k, count=1, **common)  # type: ignore[arg-type]
        count, weights = each * self.batch, each if stored else 0
        return Product(m=m, n=n, k=k, count=count, weights=weights, **common)  # type: ignore[arg-type]

    def _convolution(self, op: Op, common: Mapping[str, object]) -> Product:
        out_height, out_width = conv_output(op.dims)
        groups, batch = op.dim("groups"), op.dim("batch") * self.batch
        channels, places = op.dim("in_channels") // groups, op.dim("kernel_h") * op.dim("kernel_w")
        k = channels * places
        n = op.dim("out_channels") // groups
        bits = self.bits[op.id]
        rows, cols = self._array.tile_rows(bits.operands[0]), self._array.tile_cols(bits.operands[1])
        packed, padding = groups_of(op, rows, cols, bits.blocks[0])
        count = -(-groups // packed)
        image = Image(
            height=op.dim("height"),
            width=op.dim("width"),
            channels=channels * packed,
            kernel_h=op.dim("kernel_h"),
            kernel_w=op.dim("kernel_w"),
            stride_h=op.dim("stride_h"),
            stride_w=op.dim("stride_w"),
            dilation_h=op.dim("dilation_h"),
            dilation_w=op.dim("dilation_w"),
            pad_top=op.dim("pad_top"),
            pad_left=op.dim("pad_left"),
            out_height=out_height,
            out_width=out_width,
            padding=padding,
        )
        m = batch * out_height * out_width
        useful = op.macs * self.batch
        depth = places * image.depth
        return Product(
            m=m,
            n=n * packed,
            k=depth,
            count=count,
            packed=packed,
            widths=(
                stored_bits(bits.activation, bits.blocks[0], op.dim("in_channels")),
                stored_bits(bits.weight, bits.blocks[1], channels, packed),
            ),
            density=whole(Fraction(k, depth)),
            image=image,
            share=useful / (m * n * packed * depth * count),
            **common,  # type: ignore[arg-type]
        )

    def _attention(self, op: Op) -> Attention:
        pattern, heads = op.pattern, op.dim("heads")
        queries = op.dim("q_len") if pattern is None else pattern.q_len
        kv_len = op.dim("kv_len") if pattern is None else pattern.seq_len
        return Attention(
            op=op,
            heads=heads * op.dim("batch") * self.batch,
            group=heads // op.dim("kv_heads"),
            queries=queries,
            kv_len=kv_len,
            head_dim=op.dim("head_dim"),
            v_dim=op.dim("v_dim"),
            bits=self.bits[op.id],
            inputs=tuple(self.root(each) for each in op.inputs),
            output=self.root(op.outputs[0]),
            pattern=pattern,
            causal=bool(op.attrs.get("causal")) and queries == kv_len,
        )

    def _attention_beside(self, op: Op) -> Conversion:
        """Add the attention of another array; return the conversion of its results."""
        bits, output_bits = self._beside[op.id]
        output, pattern = self.root(op.outputs[0]), op.pattern
        self.layers.append(Beside(op, tuple(map(self.root, op.inputs)), output, bits, output_bits))
        return Conversion(
            op=op,
            heads=op.dim("heads"),
            items=op.dim("batch") * self.batch,
            tokens=op.dim("q_len") if pattern is None else pattern.q_len,
            v_dim=op.dim("v_dim"),
            source=len(self.layers) - 1,
            bits=output_bits,
            output=output,
        )

    def reorder(self, order: Sequence[int]) -> None:
        """Put the layers in another order: the places where they stand now."""
        new = {old: place for place, old in enumerate(order)}
        self.layers = [self.layers[old] for old in order]
        self.made_by = {tensor: new[place] for tensor, place in self.made_by.items()}
        self.rides_on = {op: new[place] for op, place in self.rides_on.items()}
        for layer in self.layers:
            if isinstance(layer, Conversion):
                layer.source = new[layer.source]

    def uses(self, tensor: int) -> int:
        """Return how many ops of the trace read a tensor or a view of it."""
        return self._uses.get(self.root(tensor), 0)

    def _passes(self, op: Op) -> Passes:
        elements = int(op.dim("elements")) * self.batch  # of the output
        reduced = int(op.dim("reduced")) if "reduced" in op.dims else 1
        read = {self.root(each): self.elements(each) for each in op.inputs}
        passes, rows, length = 1, 1, elements
        if op.kind in ("softmax", "norm") and reduced > 1:
            passes = 3 if op.kind == "softmax" else 2
            rows, length = elements // reduced, reduced
        elif op.kind == "pool":
            # A window that is larger than the image has places outside of it, which nobody reads.
            shape = self.tensors[op.inputs[0]].shape
            passes = min(reduced, math.prod(shape[2:])) if len(shape) > 3 else reduced
        elif op.kind == "reduce":
            rows, length = elements, reduced
        elif op.kind == "topk":
            rows, length = max(1, elements // max(1, reduced)), max(1, reduced)
            passes = max(1, int(op.attrs.get("k", 1)))
        elif op.kind == "gather":
            table, index = self.root(op.inputs[0]), [self.root(each) for each in op.inputs[1:]]
            read = {
                table: min(elements, self.elements(table)),
                **{each: self.elements(each) for each in index},
            }
        elif op.kind == "cache_append":
            read = {self.root(op.inputs[1]): self.elements(op.inputs[1])}
        if rows == 1:
            rows = min(length, math.prod(self.tensors[self.root(op.outputs[0])].shape[:-1]) * self.batch)
            rows = max(1, rows)
            length = -(-length // rows)
        return Passes(
            op=op,
            rows=rows,
            elements=length,
            passes=passes,
            inputs=tuple(read),
            read=read,
            output=self.root(op.outputs[0]),
            written=elements,
        )
