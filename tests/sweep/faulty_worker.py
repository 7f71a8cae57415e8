"""A process of a sweep in which some points go wrong, by their batch, instead of being run."""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from tandemsim.sim.sweep import point_run, worker


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def hang() -> None:
    time.sleep(600)


def leave() -> None:
    os._exit(3)


def fail() -> None:
    raise RuntimeError("something\nwent wrong")


def stop() -> None:
    sys.exit("stop")


def exhaust() -> None:
    raise MemoryError


FAULTS: Mapping[int, Callable[[], None]] = {
    1001: crash,
    1002: hang,
    1003: leave,
    1004: fail,
    1005: stop,
    1006: exhaust,
}


def main() -> None:
    simulate = point_run.simulate

    def faulty(request: Any) -> Any:
        print("noise on standard output")
        FAULTS.get(request.batch, lambda: None)()
        return simulate(request)

    point_run.simulate = faulty  # type: ignore[assignment]
    worker.main(int(sys.argv[1]))


if __name__ == "__main__":
    main()
