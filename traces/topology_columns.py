"""Finds which column of a SCALE-Sim topology holds what, from headers as SCALE-Sim's users write them.

SCALE-Sim itself skips the header and reads by place (scalesim/topology_utils.py): ``Layer, M, N, K`` and
``Layer name, IFMAP height and width, filter height and width, channels, filters, stride``. Headers of its
files name the same columns in many ways, some of them twice. So here the words of the header decide the
layout; a column whose name says height or width is read as that, and any other by its place. Beyond those
columns SCALE-Sim reads a second stride, a batch and a sparsity; a trace cannot hold the sparsity.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from tandemsim.sim.arch.checks import printable
from tandemsim.traces.errors import listed, violation

GEMM_HEADER = ("Layer", "M", "N", "K")
CONV_HEADER = (
    *("Layer name", "IFMAP Height", "IFMAP Width", "Filter Height", "Filter Width"),
    *("Channels", "Num Filter", "Strides"),
)
STRIDES = ("Stride Height", "Stride Width")
CONV_WORDS = ("ifmap", "ifmap", "filter", "filter", "channel", "filter")  # of the columns 1 to 6
SIDES = {"Height": ("height", " h"), "Width": ("width", " w")}


class Columns(NamedTuple):
    """Where each size is in a row, by its name; `ignored` are columns that a trace cannot hold."""

    kind: str
    places: dict[str, int]
    batch: int | None
    unnamed: int | None  # behind the last size, without a name: to SCALE-Sim the width's stride, or a batch
    ignored: tuple[str, ...]


def read_header(cells: Sequence[str]) -> Columns:
    """Return the columns of a topology. Raises `TraceError` for a header of neither layout."""
    names = [cell.strip().lower() for cell in cells]
    if {"m", "n", "k"} <= set(names):
        places = {name: names.index(name.lower()) for name in GEMM_HEADER[1:]}
        _check_once(cells[1:])
        return _with_others("gemm", places, cells)
    if len(names) < len(CONV_HEADER) or not _is_convolution(names):
        expected = " or ".join(repr(", ".join(header)) for header in (GEMM_HEADER, CONV_HEADER))
        raise violation("header", f"must be {expected}", printable(", ".join(cells)))
    places = {}
    for name in ("IFMAP", "Filter"):
        first = CONV_HEADER.index(f"{name} Height")
        places |= _sides(name, [first, first + 1], names)
    places |= {name: CONV_HEADER.index(name) for name in ("Channels", "Num Filter")}
    strides = [place for place, name in enumerate(names) if "stride" in name]
    if len(strides) > len(STRIDES):
        raise violation("header", "must name at most two strides", listed(cells[place] for place in strides))
    places |= _sides("Stride", strides, names) if len(strides) > 1 else dict.fromkeys(STRIDES, strides[0])
    sideless = [place for place in strides if not _side(names[place])]  # those go by their places
    _check_once([cells[place] for place in range(len(CONV_WORDS) + 1, len(cells)) if place not in sideless])
    return _with_others("conv2d", places, cells)


def _is_convolution(names: Sequence[str]) -> bool:
    words = all(word in name for word, name in zip(CONV_WORDS, names[1:], strict=False))
    return words and any("stride" in name for name in names[len(CONV_WORDS) + 1 :])


def _sides(what: str, places: Sequence[int], names: Sequence[str]) -> dict[str, int]:
    """Return which of two columns is the height: as their names say, or the first where they do not."""
    first, second = (_side(names[place]) for place in places)
    swapped = first == "Width" and second == "Height"
    height, width = reversed(places) if swapped else places
    return {f"{what} Height": height, f"{what} Width": width}


def _side(name: str) -> str:
    """Return which side a column's name says, nothing if none."""
    sides = [side for side, words in SIDES.items() if any(f" {name}".endswith(word) for word in words)]
    return sides[0] if sides else ""


def _check_once(cells: Sequence[str]) -> None:
    """Raise `TraceError` for a name that stands twice."""
    names = Counter(cell.strip().lower() for cell in cells if cell.strip())
    twice = next((name for name, count in names.items() if count > 1), None)
    if twice is not None:
        raise violation("header", "must name each column once", f"{printable(twice)} twice")


def _with_others(kind: str, places: dict[str, int], cells: Sequence[str]) -> Columns:
    """Find the batch and what is ignored among the columns that are left."""
    taken = {0, *places.values()}
    left = {place: cell.strip() for place, cell in enumerate(cells) if place not in taken}
    batches = [place for place, name in left.items() if "batch" in name.lower()]
    if len(batches) > 1:
        raise violation("header", "must name one batch", listed(left[place] for place in batches))
    ignored = tuple(name for place, name in left.items() if name and place not in batches)
    single = kind == "gemm" or places[STRIDES[0]] == places[STRIDES[1]]
    place = max(places.values()) + 1
    is_free = place not in taken and not left.get(place)
    return Columns(
        kind, places, batches[0] if batches else None, place if is_free and single else None, ignored
    )
