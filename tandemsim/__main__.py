"""``python -m tandemsim``: the same as ``tandem``, and as ``python -m sim`` in a checkout."""

from __future__ import annotations

import signal

if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))

from tandemsim.sim.__main__ import program

if __name__ == "__main__":
    program()
