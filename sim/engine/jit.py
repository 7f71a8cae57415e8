"""`jit`: the decorator of every kernel, with a disk cache that is never stale. The only importer of numba.

numba's own cache (0.68) looks at the file that holds a kernel, and at nothing else: after an edit to a
helper in another file it silently answers with the old code. So every kernel's folder is
`kernel_cache.cache_folder`, chosen before anything is compiled. With ``NUMBA_DISABLE_JIT=1`` kernels run as
plain Python, with the same answers.

No kernel uses AVX-512: LLVM as llvmlite 0.50 has it compiles the masks of a schedule wrongly for AVX-512BW,
on a machine that has it (tests/salo found 2,576 wrong slots of a ViL layer), and rightly for anything older.

Two habits keep kernels fast to run and to compile. A helper that takes a NamedTuple of arrays is marked
``@jit(inline="always")``: a call would count a reference to each array, by atomic instructions (an event
loop then runs at half its speed). And such a helper passes ``int64(kind)``, not ``kind``, to a helper that
is called: that one would be compiled anew for each literal and each IntEnum.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast, overload

import numba
import numpy as np
from numba.core.caching import FunctionCache
from numba.core.codegen import get_host_cpu_features

from tandemsim.sim.engine.kernel_cache import SIM, cache_folder

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

# Options of kernels that make no arrays and never divide by zero, `@jit(**BARE)`: numba then counts no
# references, and tests no divisor. A caller must keep the arrays alive, as any caller in Python does.
BARE: dict[str, Any] = {"_nrt": False, "error_model": "numpy"}

int64: Any = np.int64  # for arguments, as said above; Any, because type checkers keep it apart from int
SETTINGS: Any = numba.config  # made at run time, so that type checkers see no attributes
LASTING_PACKAGES = {"tandemsim"}

if "NUMBA_CPU_FEATURES" not in os.environ:  # read by numba when it compiles its first kernel
    SETTINGS.CPU_FEATURES = re.sub(r"\+(?=avx512|avx10)", "-", get_host_cpu_features())


@overload
def jit(function: Kernel, /) -> Kernel: ...
@overload
def jit(**options: Any) -> Callable[[Kernel], Kernel]: ...
def jit(function: Kernel | None = None, /, **options: Any) -> Kernel | Callable[[Kernel], Kernel]:
    """Compile a module-level function: ``@jit``, or ``@jit(inline="always")`` with options of ``numba.njit``.

    Only functions below `sim` are cached on disk. Those of tests, benchmarks and notebooks may call helpers
    that the digest does not see, and are compiled in each process. Kernels release the GIL.
    """
    if function is None:
        return functools.partial(_compiled, **options)
    return _compiled(function, **options)


def _compiled(function: Kernel, **options: Any) -> Kernel:
    kernel: Any = numba.njit(nogil=True, **options)(function)
    if _is_cached(function):
        kernel._cache = _disk_cache(function)  # what njit(cache=True) does, but for the folder and the class
    return cast(Kernel, kernel)


def _is_cached(function: Callable[..., Any]) -> bool:
    if SETTINGS.DISABLE_JIT:
        return False
    return Path(function.__code__.co_filename).resolve().is_relative_to(SIM) and cache_folder() is not None


def _disk_cache(function: Callable[..., Any]) -> Any:
    before = SETTINGS.CACHE_DIR
    SETTINGS.CACHE_DIR = str(cache_folder())
    try:
        cache: Any = _LastingCache  # numba has no types for it
        return cache(function)
    finally:
        SETTINGS.CACHE_DIR = before  # others who use numba in this process keep their own


class _LastingCache(FunctionCache):
    """numba's cache, for signatures that every process can read.

    A kernel's index names the classes of its arguments. One IntEnum of a test or of a user's script, and a
    process that cannot import it could not read the index at all.
    """

    def save_overload(self, sig: Any, data: Any) -> None:
        modules = {owner.__module__.partition(".")[0] for owner in _classes(getattr(sig, "args", sig))}
        if modules <= LASTING_PACKAGES:
            save: Any = super().save_overload
            save(sig, data)


def _classes(types: Iterable[Any]) -> Iterator[type]:
    """Yield the Python classes (IntEnums, NamedTuples) that numba types are made of."""
    for kind in types:
        if hasattr(kind, "instance_class"):
            yield kind.instance_class
        yield from _classes(getattr(kind, "types", ()))
