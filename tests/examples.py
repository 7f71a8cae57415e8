"""What runs on demand alone: two thirds of the examples of a property, and tests of minutes.

In CI the examples are the same each time, so many of them find little that some of them do not.
``TANDEM_EXAMPLES=all make test`` runs all.
"""

import os

import pytest

WHOLE = os.environ.get("TANDEM_EXAMPLES") == "all"
SHARE = 3
ON_DEMAND = pytest.mark.skipif(not WHOLE, reason="TANDEM_EXAMPLES=all runs it")


def some_of(count: int) -> int:
    """Return the examples of a property that asks for `count`."""
    return count if WHOLE else -(-count // SHARE)
