"""The value of a tensor of a model that is being traced, where it follows from shapes alone."""

from __future__ import annotations

from torch import Tensor
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

from tandemsim.workloads.recorder import Recorder


def known_value(tensor: Tensor) -> Tensor | None:
    """Return the tensor on the CPU; None for one of `meta` that depends on an input or a weight.

    Asks the recorder that is running, which keeps how constants were made, see `workloads.recipes`.
    """
    if not tensor.is_meta:
        return tensor.cpu()
    recorders = [mode for mode in _get_current_dispatch_mode_stack() if isinstance(mode, Recorder)]
    return recorders[-1].value(tensor) if recorders else None
