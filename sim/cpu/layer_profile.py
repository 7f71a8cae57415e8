"""Measured times of layers by cores: the profile that VELTAIR's artifact publishes, and files like it.

`data/veltair_layer_profile_us.csv` holds the 53 convolutions of ResNet-50 on a Threadripper 3990X, from
github.com/SJTU-ReArch-Group/VELTAIR_ASPLOS22 (commit e8fc1a8): the median of 100 runs of each layer alone and
in a row, so everything is in L3. A file has a line for each layer, with columns `model`, `layer`, `kind`, the
sides of the loop nest, `MACs`, and for each number of cores N a column `us_Ncores` in microseconds.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tandemsim.sim.arch.checks import ConfigError, shown, shown_path
from tandemsim.sim.cpu.shapes import VALUE_BYTES, Shape, conv_shape

VELTAIR = Path(__file__).parent / "data" / "veltair_layer_profile_us.csv"
SIDES = "params"  # begins the name of the column with the sides of the loop nest
CORES = re.compile(r"us_(\d+)cores")
US = 1e-6
SLOWED = 64  # cores at which VELTAIR's whole machine is slower than with 56; the cause is not published


class MeasuredLayer(NamedTuple):
    """One layer, and how long it took."""

    name: str
    shape: Shape
    seconds: Mapping[int, float]  # by cores


def read_profile(path: Path = VELTAIR) -> list[MeasuredLayer]:
    """Return the layers of a profile. Raises `ConfigError` with file and line for what breaks a rule."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{shown_path(path)} is not a readable text file: {error}") from error
    rows = list(csv.reader(lines))
    header = rows[0] if rows else []
    cores = {int(found[1]): place for place, name in enumerate(header) if (found := CORES.fullmatch(name))}
    sides = next((place for place, name in enumerate(header) if name.startswith(SIDES)), None)
    missing = [name for name in ("model", "layer", "kind", "MACs") if name not in header]
    if missing or sides is None or not cores:
        wanted = "model, layer, kind, params..., MACs and us_Ncores"
        raise ConfigError(
            f"{shown_path(path)}:1: the columns must be {wanted}, not {shown(','.join(header))}"
        )
    layers = []
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(header):
            rule = f"{shown_path(path)}:{number}: a layer must have {len(header)} columns"
            raise ConfigError(f"{rule}, not {len(row)}")
        where = f"{shown_path(path)}:{number}"
        fields = dict(zip(header, row, strict=True))
        shape = _shape(fields["kind"], row[sides], where)
        if str(round(shape.macs)) != fields["MACs"].strip():
            raise ConfigError(f"{where}: MACs must be {round(shape.macs)}, not {shown(fields['MACs'])}")
        times = {count: _time(row[place], header[place], where) for count, place in sorted(cores.items())}
        layers.append(MeasuredLayer(f"{fields['model']}/{fields['layer']}", shape, times))
    if not layers:
        raise ConfigError(f"{shown_path(path)} is not a profile: it has no layers")
    return layers


def _time(text: str, column: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ConfigError(f"{where}: {column} must be a positive number, not {shown(text)}")
    return value * US


def _shape(kind: str, sides: str, where: str) -> Shape:
    numbers: Sequence[int]
    try:
        numbers = [int(side) for side in sides.split("-")]
    except ValueError:
        numbers = []
    if kind == "CONV" and len(numbers) == 11:
        height, width, channels, out, kernel_h, kernel_w, pad_h, pad_w, stride_h, stride_w, groups = numbers
        whole = min(height, width, channels, out, kernel_h, kernel_w, stride_h, stride_w, groups) > 0
        if whole and min(pad_h, pad_w) >= 0 and channels % groups == out % groups == 0:
            rows = (height + 2 * pad_h - kernel_h) // stride_h + 1
            cols = (width + 2 * pad_w - kernel_w) // stride_w + 1
            if rows > 0 and cols > 0:
                return conv_shape(
                    places=rows * cols,
                    width=cols,
                    in_channels=channels,
                    out_channels=out,
                    kernel=(kernel_h, kernel_w),
                    stride=stride_w,
                    groups=groups,
                    image=height * width * channels,
                )
    if kind == "GEMM" and len(numbers) == 3 and min(numbers) > 0:
        m, n, k = numbers
        left, right, written = (float(VALUE_BYTES * size) for size in (m * k, n * k, m * n))
        return Shape(
            m=m,
            n=n,
            k=k,
            row=n,
            macs=float(m * n * k),
            left_bytes=left,
            right_bytes=right,
            stored=True,
            output_bytes=written,
        )
    rule = "kind and sides must be CONV with 11 sides, or GEMM with 3"
    raise ConfigError(f"{where}: {rule}, not {shown(kind)} {shown(sides)}")
