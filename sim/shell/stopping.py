"""Ending by a signal: at once, in one line, with nothing left behind.

Python answers Ctrl-C with an exception in the main thread, between any two instructions: inside an import,
inside numba while it turns a kernel's result into Python objects (which then crashes), and not at all as long
as a kernel runs. So a command takes signals otherwise (`stop_at_once`). Handlers that do nothing keep
exceptions out of the main thread; the interpreter writes each signal's number to a pipe, as it does whatever
that thread is at; a thread of its own reads it, has removed what is registered here (`add_cleaner`), says
``tandem: stopped`` and ends the process with exit code 128 + signal: 130 for Ctrl-C, 143 for SIGTERM.

A program that only uses the library keeps its own handlers. `interrupts_held` keeps Ctrl-C out of kernels
there.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SIGNALED = 128  # and the signal's number: what a shell shows of a command that a signal ended

_lock = threading.RLock()  # whoever holds it is not stopped; the thread that stops never gives it back
_cleaners: list[Callable[[], None]] = []
_ended = False


def stop_at_once(program: str) -> None:
    """From here on SIGINT, SIGTERM and SIGHUP end this process as said above; ignored ones stay ignored.

    For the first lines of a command, in the main thread. `program` begins the one line that is said.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, or a shell's background job
            signal.signal(number, _nothing)
    threading.Thread(target=_wait, args=(reading, program), daemon=True).start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)  # as `sim.__main__` has them wait until here


def ended() -> None:
    """Say that all is done: from here on a signal no longer changes how the process ends."""
    global _ended
    with _lock:
        _ended = True
        for number in STOPPING:
            if signal.getsignal(number) is _nothing:
                signal.signal(number, signal.SIG_IGN)


def finish(main: Callable[[], int]) -> None:
    """Call `main` and end the process with the exit code that it returns."""
    try:
        code = main()
    finally:
        ended()
    sys.exit(code)


def add_cleaner(clean: Callable[[], None]) -> None:
    """Have `clean` called, by another thread, when a signal ends this process; of several the last first."""
    with _lock:
        _cleaners.append(clean)


def remove_cleaner(clean: Callable[[], None]) -> None:
    """Take `clean` out again. While the process is being stopped this does not return."""
    with _lock:
        _cleaners.remove(clean)


@contextlib.contextmanager
def cleaned_by(clean: Callable[[], None]) -> Iterator[None]:
    """Have `clean` called when a signal ends the process inside the block, and in any case after it."""
    add_cleaner(clean)
    try:
        yield
    finally:
        with _lock:
            _cleaners.remove(clean)
            clean()


@contextlib.contextmanager
def unstopped() -> Iterator[None]:
    """Let a signal wait for the end of the block: for steps that are right only all together, and short."""
    with _lock:
        yield


@contextlib.contextmanager
def interrupts_held() -> Iterator[Callable[[], None]]:
    """Keep Ctrl-C out of kernels: what it raises is raised after the block, or by the yielded function.

    That function is for the moments between two kernels. Of a program's own handler nothing else changes, and
    outside the main thread, where none runs, nothing at all.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield lambda: None
        return
    held: list[FrameType | None] = []

    def hold(number: int, frame: FrameType | None) -> None:
        held.append(frame)

    def let_go() -> None:
        if held:
            frame = held[0]
            held.clear()  # several are one, as for any signal
            handler(signal.SIGINT, frame)

    signal.signal(signal.SIGINT, hold)
    try:
        yield let_go
    finally:
        signal.signal(signal.SIGINT, handler)
        let_go()


def _nothing(number: int, frame: FrameType | None) -> None:
    """The handler of a command. Without one the system would end the process before anybody has cleaned."""


def _wait(reading: int, program: str) -> None:
    number = 0
    while number not in STOPPING:  # a handler of somebody else's tells of its signals too
        number = os.read(reading, 1)[0]
    _lock.acquire()  # for good: who wants it from now on waits for the end of the process
    if _ended:
        _lock.release()
        return
    for clean in reversed(_cleaners):
        with contextlib.suppress(Exception):  # the others are to be called all the same
            clean()
    with contextlib.suppress(OSError):  # nobody reads
        os.write(2, f"{program}: stopped\n".encode())  # not sys.stderr: the main thread may be writing to it
    os._exit(SIGNALED + number)
