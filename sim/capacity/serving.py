"""`Serving`: a served mix as programs and notebooks have it, with all that can be made of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tandemsim.sim.capacity.result import PolicyResult, Ratio, ServingResult


@dataclass(frozen=True, slots=True)
class Serving:
    """A mix under some policies. It prints as a table."""

    result: ServingResult

    def __repr__(self) -> str:
        from tandemsim.sim.capacity.text import headline

        return f"<Serving: {headline(self.result)}>"

    def __str__(self) -> str:
        from tandemsim.sim.capacity.text import result_text

        return result_text(self.result)

    @property
    def policies(self) -> Sequence[PolicyResult]:
        """What became of each policy, in the order in which they were asked for."""
        return self.result.policies

    @property
    def ratios(self) -> list[Ratio]:
        """The highest load of each policy over that of each other one."""
        return self.result.ratios()

    def as_dict(self) -> dict[str, Any]:
        """Return the document ``tandem-serving/1`` as plain values."""
        from tandemsim.sim.capacity.document import as_dict

        return as_dict(self.result)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write what ``--out`` writes. Raises `FileError`."""
        from tandemsim.sim.capacity.folder import write_folder

        write_folder(os.fspath(folder), self.result)
