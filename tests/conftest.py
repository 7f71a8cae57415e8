"""What holds for every suite: how hypothesis searches, and that Ctrl-C is not ignored."""

import os
import signal

from hypothesis import settings

# No example has a deadline: the first call of a kernel compiles it. In CI the examples are the same each
# time, so that a red run is the fault of the change.
settings.register_profile("tandem", deadline=None)
settings.register_profile("tandem-ci", settings.get_profile("tandem"), derandomize=True, print_blob=True)
# A shell lets its background jobs ignore Ctrl-C, and so would the commands that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.load_profile("tandem-ci" if os.environ.get("CI") else "tandem")
