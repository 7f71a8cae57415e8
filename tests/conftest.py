"""What holds for every suite: how hypothesis searches, which files begin, and that Ctrl-C is not ignored."""

import os
import signal

import pytest
from hypothesis import settings

# No example has a deadline: the first call of a kernel compiles it. In CI the examples are the same each
# time, so that a red run is the fault of the change.
settings.register_profile("tandem", deadline=None)
settings.register_profile("tandem-ci", settings.get_profile("tandem"), derandomize=True, print_blob=True)
# A shell lets its background jobs ignore Ctrl-C, and so would the commands that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.load_profile("tandem-ci" if os.environ.get("CI") else "tandem")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files of slow tests, so that no process is left alone with one of them at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
