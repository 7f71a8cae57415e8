"""What holds for every suite: how hypothesis searches."""

import os

from hypothesis import settings

# No example has a deadline: the first call of a kernel compiles it. In CI the examples are the same each
# time, so that a red run is the fault of the change.
settings.register_profile("tandem", deadline=None)
settings.register_profile("tandem-ci", settings.get_profile("tandem"), derandomize=True, print_blob=True)
settings.load_profile("tandem-ci" if os.environ.get("CI") else "tandem")
