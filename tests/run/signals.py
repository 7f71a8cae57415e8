"""Signals at random moments: what a command that is stopped says, how it ends, and what it leaves.

``python -m tests.run.signals COUNT [SEED]`` sends as many; test_command_signals.py sends a few.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143}
OUTPUTS = ("--json", "report.json", "--timeline", "timeline.json.gz", "--out", "out", "--functional")
STOPPED = b"tandem: stopped\n"
OLD = b"an older report"


def faults_of_signals(
    count: int,
    seed: int,
    folder: Path,
    arguments: Sequence[str] = ("run", "vil-tiny", *OUTPUTS),
    longest: float | None = None,
) -> list[str]:
    """Start the command `count` times and stop each at a random moment; return what was wrong, a line each.

    `longest` is the span in seconds from which the moments are drawn, by default a run's own time and a bit.
    Every second run finds a folder and a file of an earlier one.
    """
    chance = random.Random(seed)
    if longest is None:
        for _ in ("which compiles", "which is as long as the others"):
            begun = time.monotonic()
            undisturbed = start(fresh(folder, False), arguments)
            assert undisturbed.communicate(timeout=300) and undisturbed.returncode == 0
        longest = 1.1 * (time.monotonic() - begun)
    faults = []
    for number in range(count):
        which = chance.choice(list(SIGNALS))
        moment = chance.uniform(0, longest)
        place = fresh(folder, older=bool(number % 2))
        for fault in stopped(place, arguments, which, moment):
            faults.append(f"{number} (seed {seed}): {which.name} after {moment:.3f} s: {fault}")
    return faults


def fresh(folder: Path, older: bool) -> Path:
    """Return a new folder, with what an earlier run left or without."""
    place = Path(tempfile.mkdtemp(dir=folder))
    if older:
        (place / "out").mkdir()
        (place / "out" / "report.json").write_bytes(OLD)
        (place / "out" / "mine.txt").write_bytes(b"mine")
        (place / "report.json").write_bytes(OLD)
    return place


def start(place: Path, arguments: Sequence[str], module: str = "sim") -> subprocess.Popen[bytes]:
    """Start a command in `place`; return when it has said what signals are to do."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=place,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # a shell's background job ignores it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while process.poll() is None and not catches(process.pid, signal.SIGTERM):
        time.sleep(0.001)
    return process


def catches(pid: int, number: int) -> bool:
    """Whether a process has a handler of its own for a signal."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


def stopped(
    place: Path, arguments: Sequence[str], which: signal.Signals, moment: float, module: str = "sim"
) -> Iterator[str]:
    """Stop one run; yield what is wrong with its end."""
    before = sorted(place.rglob("*"))
    process = start(place, arguments, module)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=moment)  # or until it ends by itself
    process.send_signal(which)
    sent = time.monotonic()
    try:
        _, err = process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        yield "did not end within 20 s"
        return
    took = time.monotonic() - sent
    if process.returncode == 0:
        if b"stopped" in err or b"Traceback" in err:
            yield f"done, and said {err!r}"
        return
    said = err[-len(STOPPED) :] if module != "sim" else err  # others tell what they do, line by line
    if (process.returncode, said) != (SIGNALS[which], STOPPED):
        yield f"exit code {process.returncode}, said {err[:400]!r}"
    if took > 5:
        yield f"took {took:.1f} s to end"
    yield from leftovers(place, before)


def leftovers(place: Path, before: list[Path]) -> Iterator[str]:
    """Yield what is in `place` and is neither from before nor a whole output."""
    for path in sorted(place.rglob("*")):
        if path.name.startswith("."):
            yield f"left {path.relative_to(place)}"
    for report in (place / "report.json", place / "out" / "report.json"):
        if report.exists() and report.read_bytes() != OLD:
            json.loads(report.read_bytes())  # raises for half a report
    folder = place / "out"
    if folder.exists() and folder not in before and not (folder / "report.html").exists():
        yield "left half a folder"
    if folder in before and not (folder / "mine.txt").exists():
        yield "removed a file of the user's"
    if folder in before:
        whole = (folder / "report.json").read_bytes() != OLD
        if whole != (folder / "report.html").exists():
            yield "mixed an old folder with a new one"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        found = faults_of_signals(int(sys.argv[1]), int((*sys.argv, "0")[2]), Path(temporary))
        print("\n".join(found) or f"{sys.argv[1]} signals, no fault")
        sys.exit(bool(found))
