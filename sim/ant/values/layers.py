"""The products of a layer of the machine, from those that a run in values computed for its op.

A run in values takes an op as the trace has it: image by image, group by group, head by head. The machine has
made other products of it: all images or rows in one, groups of a convolution that share a tile. Their sums
are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tandemsim.sim.ant.functional import Coded
from tandemsim.sim.ant.layers import Attention, Product
from tandemsim.sim.ant.values.arithmetic import Multiplied
from tandemsim.sim.ant.values.products import Numbers
from tandemsim.sim.arch.checks import ConfigError


def products_of(layer: Product | Attention, found: Sequence[Multiplied]) -> list[Multiplied]:
    """Return the products of a layer as its tasks count them (`Extent.product`), from those of its op.

    Raises `ConfigError` for an op whose products are not those of its layer: attention over a pattern, groups
    of rows of a size of their own, more than one input of a batch, block formats.
    """
    if not found:  # such as of block formats
        made = []
    elif isinstance(layer, Attention):
        made = list(_attention(layer, found))
    elif layer.image is not None:
        made = list(_convolution(layer, found))
    elif layer.count == 1:
        made = [_below(found)]
    else:
        made = list(found)
    if [each.sums.shape for each in made] != _shapes(layer):
        raise ConfigError(f"op {layer.op.name!r}: its products must be those of the machine, one by one")
    return made


def _shapes(layer: Product | Attention) -> list[tuple[int, int]]:
    if isinstance(layer, Product):
        return [(layer.m, layer.n)] * layer.count
    each = [(layer.queries, layer.kv_len), (layer.queries, layer.v_dim)]
    return each * layer.heads


def _below(parts: Sequence[Multiplied]) -> Multiplied:
    """Return products of some rows each, of one weight, as one."""
    left = parts[0].left._replace(codes=np.concatenate([part.left.codes for part in parts]))
    return Multiplied(left, parts[0].right, np.concatenate([part.sums for part in parts]))


def _runs(found: Sequence[Multiplied], rows: int) -> Iterator[Multiplied]:
    """Yield products of so many rows each, of which some came in pieces."""
    pieces: list[Multiplied] = []
    for each in found:
        pieces.append(each)
        if sum(len(piece.sums) for piece in pieces) == rows:
            yield _below(pieces)
            pieces = []


def _attention(layer: Attention, found: Sequence[Multiplied]) -> Iterator[Multiplied]:
    if layer.pattern is not None:
        return
    scores, results = _runs(found[0::2], layer.queries), _runs(found[1::2], layer.queries)
    for each in zip(scores, results, strict=True):
        yield from each


def _convolution(layer: Product, found: Sequence[Multiplied]) -> Iterator[Multiplied]:
    """Yield for each item all images, of the groups that share its tiles."""
    assert layer.image is not None
    groups, whole = layer.op.dim("groups"), list(_runs(found, layer.image.places))
    of_group = [_below(whole[group::groups]) for group in range(groups)]
    packed = layer.n * groups // layer.op.dim("out_channels")
    for first in range(0, groups, packed):
        yield _packed(layer, packed, of_group[first : first + packed])


def _packed(layer: Product, packed: int, parts: Sequence[Multiplied]) -> Multiplied:
    """Return groups side by side, each with weights of its own channels alone; places of no group have 0."""
    if packed == 1:
        return parts[0]
    rows, taps = layer.m, layer.op.dim("kernel_h") * layer.op.dim("kernel_w")
    depth, wide = layer.k // packed // taps, layer.n // packed
    left = np.zeros((rows, taps, packed, depth), np.int64)
    right = np.zeros((taps, packed, depth, packed, wide), np.int64)
    sums = np.zeros((rows, packed, wide), np.int64)
    for place, part in enumerate(parts):
        left[:, :, place] = part.left.codes.reshape(rows, taps, depth)
        right[:, place, :, place] = part.right.codes.reshape(taps, depth, wide)
        sums[:, place] = part.sums
    codes = left.reshape(rows, layer.k), right.reshape(layer.k, layer.n)
    one, other = (
        _coded(part, some) for part, some in zip((parts[0].left, parts[0].right), codes, strict=True)
    )
    return Multiplied(one, other, sums.reshape(rows, layer.n))


def _coded(like: Coded, codes: Numbers) -> Coded:
    return Coded(codes, like.form)
