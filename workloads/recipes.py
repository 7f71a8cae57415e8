"""Records how a traced model's constants were made, so that their values can be computed on request.

On the `meta` device nothing has a value, yet models look at some: whether a mask is all true, where a range
ends. Every operator whose operands are known is written down in order. A value that is asked for follows from
running again, on the CPU, those calls that led to it, writes in place included.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map

from tandemsim.workloads.calls import FACTORIES, bare_name, written

#: What makes a tensor without setting its elements.
_BLANK = {"empty", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided", "empty_like"}

#: What sets all elements of the tensor that it writes to.
_SETS_ALL = {"fill", "zero", "copy"}

#: Constants of more elements are not computed: that would take gigabytes.
MAX_ELEMENTS = 2**27


class _Entry(NamedTuple):
    func: OpOverload | None  # None: `results` are values that were given
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    results: list[Any]  # kept alive, so that no identity is used again
    reads: frozenset[int]  # memories
    writes: frozenset[int]


class Recipes:
    """The calls by which tensors were made from nothing but shapes and other such tensors."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._known: set[int] = set()  # memories whose values follow from the entries
        self._writes: Counter[int] = Counter()  # in place, by memory
        self._blank: set[int] = set()  # memories that were made and not yet set
        self._held: set[int] = set()  # memories whose values were known before the model ran

    def define(self, tensor: Tensor, value: Tensor) -> None:
        """Say that a tensor without values stands for `value`."""
        memory = _memory(tensor)
        self._entries.append(_Entry(None, (value,), {}, [tensor], frozenset(), frozenset({memory})))
        self._known.add(memory)

    def begin(self) -> None:
        """Say that the model runs from here on: what is known now, the module holds."""
        self._held = set(self._known)

    def holds(self, tensor: Tensor) -> bool:
        """Return whether the module held the tensor, or what it views, before it ran."""
        return _memory(tensor) in self._held

    def forget(self, tensor: Tensor) -> None:
        """Say that a tensor's value is unknown, whatever made it."""
        self._known.discard(_memory(tensor))

    def note(self, func: OpOverload, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> None:
        """Remember a call if its operands are known; what another call writes is unknown from then on."""
        name = bare_name(func)
        operands = [] if name in FACTORIES else _tensors((args, kwargs))  # of those a factory takes the shape
        targets = written(func, args, kwargs) if func._schema.is_mutable else []
        results = _tensors(result)
        writes = {_memory(tensor) for tensor in (*targets, *results)}
        self._writes.update(_memory(tensor) for tensor in targets)
        reads = {_memory(tensor) for tensor in operands}
        random = torch.Tag.nondeterministic_seeded in func.tags
        if random or not all(self._follows(operand) for operand in operands):
            self._known -= writes if targets else writes - reads
            return
        self._entries.append(
            _Entry(func, args, kwargs, tree_leaves(result), frozenset(reads), frozenset(writes))
        )
        if name in _BLANK:
            self._blank |= writes
        elif name in _SETS_ALL and targets[0].numel() == _elements(targets[0]):
            self._blank -= {_memory(targets[0])}
        elif reads & self._blank:
            self._blank |= writes
        self._known |= writes

    def state(self, tensor: Tensor) -> tuple[Any, ...]:
        """Return what identifies a tensor's present value: it changes when its memory is written."""
        memory = _memory(tensor)
        place = tensor.dtype, tuple(tensor.shape), tensor.stride(), tensor.storage_offset()
        return (memory, self._writes[memory], *place)

    def knows(self, tensor: Tensor) -> bool:
        """Return whether the tensor's value follows from shapes alone."""
        memory = _memory(tensor)
        return tensor.device.type != "meta" or (memory in self._known and memory not in self._blank)

    def value(self, tensor: Tensor) -> Tensor | None:
        """Return the present value of a tensor, None if it depends on an input, a weight or chance."""
        if tensor.device.type != "meta":
            return tensor
        if not self.knows(tensor) or tensor.numel() > MAX_ELEMENTS:
            return None
        entries = self._needed(_memory(tensor))
        if any(_largest(entry) > MAX_ELEMENTS for entry in entries):
            return None
        last_use = {memory: i for i, entry in enumerate(entries) for memory in entry.reads | entry.writes}
        last_use[_memory(tensor)] = len(entries)
        made: dict[int, tuple[int, Any]] = {}  # by identity: the memory and the value
        with _disable_current_modes(), torch.no_grad():
            for position, entry in enumerate(entries):
                _run(entry, made)
                for key in [key for key, (memory, _) in made.items() if last_use[memory] == position]:
                    del made[key]
            return _view(tensor, made)

    def run(self, func: OpOverload, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Return what a call gives on the CPU, None if an operand is unknown."""
        operands = {id(tensor): self.value(tensor) for tensor in _tensors((args, kwargs))}
        if any(value is None for value in operands.values()):
            return None

        def known(argument: Any) -> Any:
            if isinstance(argument, torch.device):
                return torch.device("cpu")
            return operands[id(argument)] if isinstance(argument, Tensor) else argument

        args, kwargs = tree_map(known, (args, dict(kwargs)))
        with _disable_current_modes(), torch.no_grad():
            return func(*args, **kwargs)

    def _follows(self, tensor: Tensor) -> bool:
        return tensor.device.type != "meta" or _memory(tensor) in self._known

    def _needed(self, memory: int) -> list[_Entry]:
        """Return the entries, in order, from which a memory's present value follows."""
        wanted, entries = {memory}, []
        for entry in reversed(self._entries):
            if wanted & entry.writes:
                entries.append(entry)
                wanted |= entry.reads
        return entries[::-1]


def _run(entry: _Entry, made: dict[int, tuple[int, Any]]) -> None:
    """Run one call on the CPU and enter its results."""
    if entry.func is None:
        (tensor,), (value,) = entry.results, entry.args
        made[id(tensor)] = _memory(tensor), value.clone()
        return

    def known(argument: Any) -> Any:
        if isinstance(argument, torch.device):
            return torch.device("cpu")
        return _view(argument, made) if isinstance(argument, Tensor) else argument

    args, kwargs = tree_map(known, (entry.args, dict(entry.kwargs)))
    results = tree_leaves(entry.func(*args, **kwargs))
    for meta, value in zip(entry.results, results, strict=True):
        if isinstance(meta, Tensor):
            made[id(meta)] = _memory(meta), value


def _view(tensor: Tensor, made: Mapping[int, tuple[int, Any]]) -> Any:
    """Return the value of a tensor, through another one of the same memory if it was not itself made."""
    if tensor.device.type != "meta":
        return tensor
    if id(tensor) in made:
        return made[id(tensor)][1]
    memory = _memory(tensor)
    base = next((value for known, value in made.values() if known == memory), None)
    if base is None:  # a factory's, of which only the shape counts
        return torch.empty(tensor.shape, dtype=tensor.dtype)
    return torch.as_strided(base, tensor.shape, tensor.stride(), tensor.storage_offset())


def _tensors(values: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


def _largest(entry: _Entry) -> int:
    return max((leaf.numel() for leaf in entry.results if isinstance(leaf, Tensor)), default=0)


def _memory(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _elements(tensor: Tensor) -> int:
    """Return how many elements the memory of a tensor holds."""
    return tensor.untyped_storage().nbytes() // tensor.element_size()
