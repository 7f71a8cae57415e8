"""The two ways in which a product is computed: in float64, and by the rules of the array."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from tandemsim.sim.ant.functional import Coded, run_gemm
from tandemsim.sim.ant.layers import Bits
from tandemsim.sim.ant.values.attention import Heads, attend
from tandemsim.sim.ant.values.blocks import block_product
from tandemsim.sim.ant.values.formats import coded, coded_rows, decoded
from tandemsim.sim.ant.values.outliers import Parted, parted
from tandemsim.sim.ant.values.products import Numbers, by_channel, product
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.widths import NIBBLE
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.types import Doubles, Integers
from tandemsim.traces.schema import Op

AT_ONCE = 1 << 22  # codes of a weight that are multiplied together


class Multiplied(NamedTuple):
    """A product of two matrices of codes."""

    left: Coded  # [m, k]
    right: Coded  # [k, n]
    sums: Integers  # [m, n]


#: Is told each product of an op, in the order in which they are computed.
Watch: TypeAlias = Callable[[Op, Multiplied], None]


class Float64:
    """Products of numbers as they are."""

    def product(self, op: Op, left: Doubles, right: Doubles) -> Doubles:
        """Return a product without what is added to it."""
        return self.multiplied(op, left, by_channel(op, right))

    def multiplied(self, op: Op, left: Doubles, channels: Doubles) -> Doubles:
        """Return the same of a weight whose output channels come first."""
        return product(op, left, channels, lambda one, other, _: one @ other)

    def attention(self, op: Op, heads: Heads, apart: Heads | None, beside: Mapping[str, Doubles]) -> Doubles:
        """Return the output of an attention."""
        return attend(op, heads, apart, beside, self)

    def scores(self, query: Numbers, key: Numbers, apart: bool) -> Doubles:
        """Return products of queries and keys."""
        return np.asarray(query @ key.T, np.float64)

    def weighted(self, weights: Doubles, value: Numbers, apart: bool) -> Doubles:
        """Return weighted sums of values."""
        return np.asarray(weights @ value, np.float64)


class OnArray:
    """Products through decoders, PEs and feet, of operands in the array's formats, for one op.

    `formats` says what each operand was quantized to, `saturations` how many steps of sums took a bound.
    `tensors` are what messages call the op's inputs, in their order.
    """

    def __init__(
        self,
        config: AntConfig,
        bits: Bits,
        op: Op,
        is_weight: bool,
        tensors: Sequence[str],
        watch: Watch | None = None,
    ) -> None:
        self._tensors = tensors
        self._config, self._stated, self._blocks = config, bits.stated, bits.blocks
        self._bits = bits.activation, bits.weight
        self._op, self._is_weight, self._watch = op, is_weight, watch
        self.formats: dict[str, str] = {}
        self.saturations = 0
        self._local: list[Coded] = []
        self._apart: list[Coded] = []

    def product(self, op: Op, left: Doubles, right: Doubles) -> Doubles:
        """Return a product without what is added to it; a weight has a scale for each output channel."""
        if self._blocks[0]:
            self.formats = dict(zip(("activation", "weight"), self._blocks, strict=True))
            found = block_product(self._config.array, op, left, right, self._blocks)
            self.saturations += found.saturations
            return found.output
        one, other = self._parted(left, 0), self._parted(by_channel(op, right), 1)
        activation = self._coded("activation", one.dense, 0)
        weight = self._coded("weight", other.dense, 1, channels=self._is_weight)
        scales = np.asarray(weight.scale)

        def multiply(codes: Numbers, others: Numbers, which: slice) -> Doubles:
            scale = scales[which] if self._is_weight else scales
            return self._multiplied(activation._replace(codes=codes), Coded(others, weight.form, scale))

        out = product(op, activation.codes, weight.codes, multiply)
        if one.outliers is None and other.outliers is None:
            return out
        # beside the array: what it did not see of either operand
        values = decoded(weight)
        if other.outliers is not None:
            out = out + Float64().multiplied(op, decoded(activation), other.outliers)
            values = values + other.outliers
        if one.outliers is not None:
            out = out + Float64().multiplied(op, one.outliers, values)
        return out

    def _parted(self, values: Doubles, side: int) -> Parted:
        path, is_narrow = self._config.outliers, self._bits[side] <= NIBBLE
        if path.share and is_narrow:
            self.formats["outliers"] = f"int{path.bits}"
        return parted(values, path, is_narrow)

    def attention(self, op: Op, heads: Heads, apart: Heads | None, beside: Mapping[str, Doubles]) -> Doubles:
        """Return the output of an attention; its softmax is that of float64, its weights are quantized."""
        names = ("query", "key", "value")
        codes = []
        for held, some, first in ((self._local, heads, 0), (self._apart, apart, len(names))):
            if some is not None:
                each = enumerate(zip(names, some, strict=True), first)
                held += [self._coded(name, values, place) for place, (name, values) in each]
                codes.append(Heads(*(one.codes for one in held)))
        return attend(op, codes[0], codes[1] if len(codes) > 1 else None, beside, self)

    def scores(self, query: Numbers, key: Numbers, apart: bool) -> Doubles:
        """Return products of codes of queries and keys."""
        one, other, _ = self._apart if apart else self._local
        return self._multiplied(one._replace(codes=query), other._replace(codes=key.T))

    def weighted(self, weights: Doubles, value: Numbers, apart: bool) -> Doubles:
        """Return sums of codes of values, weighted by quantized weights."""
        rows = coded_rows(self._config.array, weights, self._bits[0])
        self.formats["probability"] = rows.form.name
        return self._multiplied(rows, (self._apart if apart else self._local)[2]._replace(codes=value))

    def _coded(self, name: str, values: Doubles, place: int, channels: bool = False) -> Coded:
        """Quantize the operand at a place of the op's inputs; on the weights' side it has a sign."""
        side = int(place % len(Heads._fields) > 0)
        stated = self._stated[place] if place < len(self._stated) else ""
        try:
            found = coded(
                self._config.array,
                values,
                self._bits[side],
                stated,
                signed=side == 1,
                channels=channels,
            )
        except ConfigError as error:
            raise ConfigError(f"op {self._op.name!r}: {self._tensors[place]}: {error}") from None
        self.formats[name] = found.form.name
        return found

    def _multiplied(self, left: Coded, right: Coded) -> Doubles:
        """Multiply; of a large right operand some columns at a time, which saves room and changes nothing."""
        step = max(1, AT_ONCE // right.codes.shape[0])
        scale, outputs, sums = np.asarray(right.scale), [], []
        for first in range(0, right.codes.shape[1], step):
            some = slice(first, first + step)
            part = Coded(right.codes[:, some], right.form, scale[some] if len(scale) > 1 else scale)
            found = run_gemm(self._config, left, part, self._op.name)
            self.saturations += found.saturations
            outputs.append(found.output)
            sums.append(found.sums)
        if self._watch:
            self._watch(self._op, Multiplied(left, right, np.concatenate(sums, axis=1)))
        return np.concatenate(outputs, axis=1)
