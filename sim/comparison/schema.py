"""The JSON Schema of ``tandem-comparison/1``, generated from the types in `sim.comparison.document`.

``python -m tandemsim.sim.comparison.schema`` prints it; ``docs/comparison.schema.json`` is that output, held
up to date by a test. Obeys JSON Schema 2020-12.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import msgspec

from tandemsim.sim.comparison.document import SCHEMA, Document
from tandemsim.sim.report.schema import DIALECT


def comparison_schema() -> dict[str, Any]:
    """Return the schema of a whole comparison."""
    return {"$schema": DIALECT, "title": SCHEMA, **msgspec.json.schema(Document)}


def schema_text() -> str:
    return json.dumps(comparison_schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
