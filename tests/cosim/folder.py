"""Whether circuits can be built where this tree lies: not where make or Verilator take the path apart.

GNU make knows no quoting of targets, and Verilator writes paths into makefiles and into its own directives as
they are. Standard library only: `make cosim` asks before it installs anything.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Found by building in folders with such names. Harmless there: $ % & ' ( * ? [ = , ~ @ ^ ! and a backslash.
BREAKS = re.compile(r'[\s#:;"]')
LONGEST = 120  # characters of a path that a message repeats, from its end


def refusal(*folders: Path) -> str:
    """Return in one line why circuits cannot be built with these folders, or nothing."""
    for folder in map(str, folders):
        if BREAKS.search(folder):
            shown = ascii(folder if len(folder) <= LONGEST else "..." + folder[-LONGEST:])
            rule = 'co-simulation needs a path without spaces and # : ; " (make and Verilator take none)'
            return f"{rule}; move the tree, not {shown}"
    return ""


def main() -> int:
    """Say why not, and end with 2; or nothing."""
    said = refusal(ROOT)
    if said:
        print(f"tandemsim: {said}", file=sys.stderr)
    return 2 if said else 0


if __name__ == "__main__":
    sys.exit(main())
