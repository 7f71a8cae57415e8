"""Random inputs for each unit of the ANT array, with the corners of every wire among them.

Used in Amaranth's simulator (tests/rtl) and on the exported Verilog (tests/cosim). PEs, decoders and encoders
take anything; the foot and the controller what the array could show them.
"""

from __future__ import annotations

import itertools
import random

import numpy as np

from tandemsim.sim.ant.block_foot import BlockFootInputs
from tandemsim.sim.ant.controller import GemmController, GemmControllerInputs
from tandemsim.sim.ant.decoder import OperandDecoderInputs
from tandemsim.sim.ant.encoder import CodeEncoderInputs
from tandemsim.sim.ant.foot import FootInputs
from tandemsim.sim.ant.pe import OutputPEInputs, WeightPEInputs
from tandemsim.sim.ant.tap import TapInputs
from tandemsim.sim.ant.words import GemmCommand
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.operands import encoder_table, operand_tables
from tandemsim.sim.arch.ant.wires import GUARD_BITS, tap_width, wires
from tandemsim.sim.arch.blocks import E8M0_BIAS, SCALE
from tandemsim.sim.arch.wires import Wire
from tests.ant import draws


def bounds(wire: Wire) -> tuple[int, int]:
    """Return the least and the greatest number on a wire."""
    half = 1 << (wire.width - wire.signed)
    return (-half if wire.signed else 0), half - 1


def value(rng: random.Random, wire: Wire) -> int:
    """Return a number on a wire: a bound, a small one or any."""
    least, greatest = bounds(wire)
    if rng.random() < 0.15:
        return rng.choice([least, greatest, 0, min(1, greatest), max(-1, least)])
    if rng.random() < 0.5:
        return rng.randint(max(-9, least), min(9, greatest))
    return rng.randint(least, greatest)


def operand_decoder(config: AntConfig, seed: int, count: int) -> list[OperandDecoderInputs]:
    """Every code of every format on either side, and then some without a word."""
    rng, codes = random.Random(seed), range(1 << wires(config).code.width)
    formats = range(len(config.array.formats))
    bits = (False, True)
    every = [
        OperandDecoderInputs(code, form, True, upper, in_place)
        for form, code, upper, in_place in itertools.product(formats, codes, bits, bits)
    ]
    return every + [rng.choice(every)._replace(enabled=False) for _ in range(20)]


def code_encoder(config: AntConfig, seed: int, count: int) -> list[CodeEncoderInputs]:
    """Midpoints of every format and what lies beside them, bounds, any number."""
    rng, wire = random.Random(seed), wires(config).twice
    least, greatest = bounds(wire)
    found = []
    for number, form in enumerate(config.array.code_formats):
        edges = encoder_table(form).bounds.tolist()
        near = {edge + step for edge in edges for step in (-1, 0, 1)} | {least, greatest}
        near |= {rng.randint(least, greatest) for _ in range(count // 20)}
        inside = [edge for edge in sorted(near) if least <= edge <= greatest]
        found += [CodeEncoderInputs(edge, bool(sticky), number) for edge in inside for sticky in (0, 1)]
    return found


def _operand(rng: random.Random, config: AntConfig) -> tuple[int, int]:
    """Return base and shift of a code, or any two numbers on their wires."""
    if rng.random() < 0.3:
        return value(rng, wires(config).base), value(rng, wires(config).shift)
    tables = operand_tables(config.array)
    at = rng.randrange(tables.base.size)
    return int(tables.base.flat[at]), int(tables.shift.flat[at])


def weight_pe(config: AntConfig, seed: int, count: int) -> list[WeightPEInputs]:
    """Weights that come while one is needed and while none is, swaps close together and far apart."""
    rng, psum = random.Random(seed), wires(config).psum
    return [
        WeightPEInputs(
            *_operand(rng, config),
            swap_in=rng.random() < 0.25,
            psum_in=value(rng, psum),
            **dict(zip(("weight_base_in", "weight_shift_in"), _operand(rng, config), strict=True)),
            weight_valid_in=rng.random() < 0.5,
        )
        for _ in range(count)
    ]


def output_pe(config: AntConfig, seed: int, count: int) -> list[OutputPEInputs]:
    """Sums of some pairs, results that wait and that pass."""
    rng, psum = random.Random(seed), wires(config).psum
    return [
        OutputPEInputs(
            *_operand(rng, config),
            valid_in=rng.random() < 0.8,
            first_in=rng.random() < 0.2,
            last_in=rng.random() < 0.2,
            **dict(zip(("weight_base_in", "weight_shift_in"), _operand(rng, config), strict=True)),
            go=rng.random() < 0.2,
            above=value(rng, psum),
            above_moves=rng.random() < 0.3,
        )
        for _ in range(count)
    ]


def foot(config: AntConfig, seed: int, count: int) -> list[FootInputs]:
    """Tiles as the array sends them: parts of sums on the addresses of those before, at once or late."""
    rng, psum = random.Random(seed), wires(config).psum
    tiles = draws.tiles(np.random.default_rng(seed), config, count // 10, most=6)
    found: list[FootInputs] = []

    def show(valid: bool, starts: bool, command: GemmCommand) -> None:
        psums = tuple(value(rng, psum) for _ in range(config.array.cols))
        found.append(FootInputs(psums, valid, starts, command))

    for command in (tile.command for tile in tiles):
        starts = True
        for _ in range(command.words if config.array.stationary else command.rows):
            while rng.random() < 0.15:
                show(False, starts, command if starts else rng.choice(tiles).command)
                starts = False
            show(True, starts, command if starts else rng.choice(tiles).command)
            starts = False
    return found


def tap(config: AntConfig, seed: int, count: int) -> list[TapInputs]:
    """Tiles in blocks, scales that come while those before are in use, parts of sums far apart in size.

    Where the count allows it, also sums of so many parts that they reach their bounds.
    """
    rng, near = random.Random(seed), np.random.default_rng(seed)
    array, psum = config.array, wires(config).block_sum
    assert array.blocks is not None
    found: list[TapInputs] = []

    def show(valid: bool, starts: bool, command: GemmCommand) -> None:
        psums = tuple(value(rng, psum) for _ in range(array.cols))
        scales = draws.scales(near, array.blocks, (array.cols + 1,)).tolist()
        loads = rng.random() < 0.3
        found.append(TapInputs(psums, valid, starts, command, scales[0], tuple(scales[1:]), loads))

    for command in (tile.command for tile in draws.tiles(near, config, count // 10, most=6)):
        starts = True
        for _ in range(command.words):
            while rng.random() < 0.15:
                show(False, starts, command)
                starts = False
            show(True, starts, command)
            starts = False
    long = _long_sums(config, found[-1])
    return found + long if len(long) <= count else found


def _long_sums(config: AntConfig, like: TapInputs) -> list[TapInputs]:
    """Return one sum down to the lower bound and one up to the upper bound, of equal parts, a part a tile."""
    blocks, sides = config.array.blocks, bounds(wires(config).block_sum)
    assert blocks is not None
    scale = int(np.argmax(np.where(SCALE.finite, SCALE.base, 0))) if blocks.float_scale else E8M0_BIAS
    significand = int(SCALE.base[scale]) ** 2 if blocks.float_scale else 1
    parts = (1 << (tap_width(blocks) - 1)) // (sides[1] * significand << GUARD_BITS) + 3
    scales = (scale,) * config.array.cols
    found = [like._replace(valid=False, starts=False, weight_scales=scales, loads=True)]
    for psum in sides:
        for part in range(parts):
            ends = {"first": part == 0, "leaves": part == parts - 1}
            command = like.command._replace(words=1, base=0, **ends)
            psums = (psum,) * config.array.cols
            found.append(TapInputs(psums, True, True, command, scale, scales, False))
    return found + 3 * [like._replace(valid=False, starts=False)]


def block_foot(config: AntConfig, seed: int, count: int) -> list[BlockFootInputs]:
    """Tiles in blocks and others, as they enter the array; psums are anything."""
    rng, near = random.Random(seed), np.random.default_rng(seed)
    array, psum = config.array, wires(config).block_sum
    assert array.blocks is not None
    found: list[BlockFootInputs] = []

    def show(valid: bool, begins: bool, tile: GemmCommand) -> None:
        psums = tuple(tuple(value(rng, psum) for _ in range(array.cols)) for _ in range(array.segments))
        scales = draws.scales(near, array.blocks, (array.segments + array.cols,)).tolist()
        own, above = tuple(scales[: array.segments]), tuple(scales[array.segments :])
        loads, row = rng.random() < 0.3, rng.randrange(array.rows)
        found.append(BlockFootInputs(psums, valid, begins, tile, own, loads, row, above))

    for command in (tile.command for tile in draws.tiles(near, config, count // 12, most=8)):
        for word in range(command.words):
            while rng.random() < 0.15:
                show(False, False, command)
            show(True, word == 0, command)
    for _ in range(array.output_lag + 4):
        show(False, False, found[-1].tile)
    return found


def gemm_controller(config: AntConfig, seed: int, count: int) -> list[GemmControllerInputs]:
    """Commands that stay until they are done with, words and room that come and go."""
    rng, model = random.Random(seed), GemmController(config)
    tiles = draws.tiles(np.random.default_rng(seed), config, count // 5, most=5)
    waiting = [tile.command for tile in tiles]
    found: list[GemmControllerInputs] = []
    offered = False
    for cycle in range(count):
        busy = 0.6 if cycle % 200 < 100 else 1.0  # also without a pause
        offered = offered or rng.random() < busy
        command = waiting[0] if offered else rng.choice(waiting)
        room = rng.choice([0, 1, config.staging_words]) if rng.random() < 0.4 else config.staging_words
        inputs = GemmControllerInputs(offered, command, rng.random() < busy, rng.random() < busy, room)
        found.append(inputs)
        if model(inputs).command_ready:
            waiting.append(waiting.pop(0))
            offered = False
    return found
