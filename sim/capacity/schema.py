"""The JSON Schema of ``tandem-serving/1``, generated from the types in `sim.capacity.document`.

``python -m tandemsim.sim.capacity.schema`` prints it; ``docs/serving.schema.json`` is that output, held
up to date by a test. Obeys JSON Schema 2020-12.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import msgspec

from tandemsim.sim.capacity.document import SCHEMA, Document
from tandemsim.sim.report.schema import DIALECT


def serving_schema() -> dict[str, Any]:
    """Return the schema of a whole document."""
    return {"$schema": DIALECT, "title": SCHEMA, **msgspec.json.schema(Document)}


def schema_text() -> str:
    return json.dumps(serving_schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
