"""The tensors of a running model, numbered, with views distinguished from values.

Obeys the tensor rules of the trace format (`traces/schema.py`): a view is a tensor with `alias_of`, an alias
has the role of the tensor it views, constants and parameters are weights, integers that are not an input are
indices. A write in place makes a new tensor: views taken before the write are, when next used, aliases of the
new one, as they share its memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from msgspec.structs import replace

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.traces.schema import Role
from tandemsim.traces.schema import Tensor as TraceTensor

DTYPES = {
    torch.float64: "float64", torch.float32: "float32", torch.float16: "float16", torch.bfloat16: "bfloat16",
    torch.int64: "int64", torch.int32: "int32", torch.int16: "int16", torch.int8: "int8",
    torch.uint8: "uint8", torch.bool: "bool",
    torch.float8_e4m3fn: "float8_e4m3fn", torch.float8_e5m2: "float8_e5m2",
    torch.complex128: "complex128", torch.complex64: "complex64", torch.complex32: "complex32",
}  # fmt: skip


_Address = tuple[int, torch.dtype]


@dataclass(slots=True)
class _Memory:
    """One storage: the first tensor in it, the number of its present value, how often it was overwritten."""

    base: torch.Tensor
    number: int
    constant: bool
    version: int = 0
    users: list[torch.Tensor] = field(default_factory=list)  # kept alive, so that no identity is used again


class TensorTable:
    """Numbers and trace records for PyTorch tensors, in order of first use."""

    def __init__(self) -> None:
        self.records: list[TraceTensor] = []
        self._memories: dict[_Address, _Memory] = {}
        self._numbers: dict[tuple[int, int, tuple[int, ...]], int] = {}  # see `_key`

    def add_input(self, tensor: torch.Tensor) -> None:
        """Enter an input of the model."""
        self._add(tensor, "input", constant=False)

    def add_constant(self, tensor: torch.Tensor, name: str) -> None:
        """Enter a parameter, a buffer, or what is computed from them before the model runs."""
        known = self._memories.get(_address(tensor))
        if known is None or not known.constant:
            self._add(tensor, "index" if _is_whole(tensor) else "weight", constant=True, name=name)

    def add_result(self, tensor: torch.Tensor) -> int:
        """Enter the result of an op; return its number."""
        return self._add(tensor, "index" if _is_whole(tensor) else "activation", constant=False)

    def number(self, tensor: torch.Tensor) -> int:
        """Return the number of a tensor. An unknown one is a view of a known memory, or else a constant."""
        if _address(tensor) not in self._memories:
            self.add_constant(tensor, "")
        memory = self._memories[_address(tensor)]
        known = self._numbers.get(_key(tensor, memory))
        if known is None:
            known = self._append(tensor, self.records[memory.number].role, alias_of=memory.number)
            self._remember(tensor, known, memory)
        return known

    def is_constant(self, tensor: torch.Tensor) -> bool:
        """Return whether the tensor's value is known before the model runs."""
        self.number(tensor)
        return self._memories[_address(tensor)].constant

    def partly_written(self, result: torch.Tensor) -> torch.Tensor | None:
        """Return the tensor that an op's `result` has partly overwritten; None if it is new or whole."""
        memory = self._memories.get(_address(result))
        return None if memory is None or memory.base.numel() == result.numel() else memory.base

    def mark_outputs(self, tensors: Iterable[torch.Tensor]) -> list[int]:
        """Give what the model returns the role `output`; return its numbers."""
        numbers = [self.number(tensor) for tensor in tensors]
        for number in numbers:
            record = self.records[number]
            if record.alias_of is not None or record.role in ("activation", "index"):
                self._set_role(number, "output")
        for record in self.records:
            if record.alias_of is not None and record.id not in numbers:
                self._set_role(record.id, self.records[record.alias_of].role)
        return numbers

    def _set_role(self, number: int, role: Role) -> None:
        self.records[number] = replace(self.records[number], role=role)

    def _add(self, tensor: torch.Tensor, role: Role, *, constant: bool, name: str = "") -> int:
        """Enter a value: that of a new memory, or the next of one that is overwritten, whole or in part."""
        memory = self._memories.get(_address(tensor))
        if memory is None:
            memory = _Memory(base=tensor, number=len(self.records), constant=constant)
            self._memories[_address(tensor)] = memory
        else:
            memory.number, memory.constant, memory.version = len(self.records), constant, memory.version + 1
        number = self._append(memory.base, role, name=name)
        self._remember(memory.base, number, memory)
        return number

    def _append(
        self, tensor: torch.Tensor, role: Role, *, alias_of: int | None = None, name: str = ""
    ) -> int:
        dtype = DTYPES.get(tensor.dtype)
        if dtype is None:
            dtypes = ", ".join(DTYPES.values())
            raise ConfigError(
                f"a traced tensor must be {dtypes}, not {str(tensor.dtype).removeprefix('torch.')}"
            )
        number, shape = len(self.records), tuple(tensor.shape)
        self.records.append(
            TraceTensor(id=number, shape=shape, dtype=dtype, role=role, alias_of=alias_of, name=name)
        )
        return number

    def _remember(self, tensor: torch.Tensor, number: int, memory: _Memory) -> None:
        memory.users.append(tensor)
        self._numbers[_key(tensor, memory)] = number


def _key(tensor: torch.Tensor, memory: _Memory) -> tuple[int, int, tuple[int, ...]]:
    """Return the key of a number: it changes when a tensor's memory is overwritten or its shape changes."""
    return id(tensor), memory.version, tuple(tensor.shape)


def _address(tensor: torch.Tensor) -> _Address:
    """Return what identifies a memory; unlike the data pointer, it exists on `meta` too.

    A memory that is shown in another type counts as another one.
    """
    return int(tensor.untyped_storage()._cdata), tensor.dtype


def _is_whole(tensor: torch.Tensor) -> bool:
    return not (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype is torch.bool)
