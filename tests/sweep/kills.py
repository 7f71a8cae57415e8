"""Kills at random moments: a sweep that is killed, and resumed by the same command, ends as if undisturbed.

``python -m tests.sweep.kills [COUNT] [SEED]`` sends SIGKILL, COUNT times, to the sweep or to a process that
runs its points, and as often to the sweep, a worker or the scheduler of a cluster.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.sweep.clusters import ROOT, LocalCluster

STUDY = """\
constraints = ["rows * cols <= 512"]
samples = 16
seed = 1
[grid]
pattern = "longformer:128,16"
batch = [1, 2, 4]
memory = ["ddr4-2400", "hbm2"]
[random]
rows = {low = 4, high = 32, step = 4}
cols = {low = 3, high = 32}
"""
RESULTS = ("points.parquet", "pareto.html", "pareto.png")
LONGEST = 300  # seconds for what is left of a sweep, on a machine that does much else
LOST, REFUSED = 1, 2  # exit codes of a sweep whose scheduler has gone, or does not answer


class Disturbed:
    """One study, swept again and again in the same folder until as many kills as asked for have been sent."""

    def __init__(self, folder: Path, seed: int, cluster: LocalCluster | None = None) -> None:
        self.folder, self.chance, self.cluster = folder, random.Random(seed), cluster
        self.study = folder / "study.toml"
        self.study.write_text(STUDY)
        self.killed: Counter[str] = Counter()
        self.rounds = 0
        self._undisturbed("first")  # which compiles the kernels
        begun = time.monotonic()
        self.expected = self._undisturbed("undisturbed")
        self.span = time.monotonic() - begun

    def faults(self, kills: int) -> Iterator[str]:
        """Send so many kills; yield what was wrong, a line each."""
        while self.killed.total() < kills:
            self.rounds += 1
            out = self.folder / f"out{self.rounds}"
            most = min(4, kills - self.killed.total())  # of a round, so that it ends
            yield from self._round(out, self.chance.randint(1, most))

    def _undisturbed(self, name: str) -> dict[str, bytes]:
        out = self.folder / name
        self._start(out, "--workers", "2").communicate()
        return contents(out)

    def _round(self, out: Path, kills: int) -> Iterator[str]:
        where = ["--cluster", self.cluster.address] if self.cluster else ["--workers", "2"]
        sent = 0
        while True:
            if self.cluster:
                self.cluster.mend()
            sweep = self._start(out, *where)
            try:
                sent += self._disturb(sweep, kills - sent)
                _, err = sweep.communicate(timeout=LONGEST)
            finally:
                sweep.kill()
            if sweep.returncode == 0:
                break
            if not (sweep.returncode == -9 or self._lost(sweep.returncode, err)):
                yield f"round {self.rounds}: exit code {sweep.returncode}, said {err[-400:]!r}"
                return
        found = contents(out)
        yield from (f"round {self.rounds}: {n} differs" for n in RESULTS if found[n] != self.expected[n])
        yield from (f"round {self.rounds}: left {path.name}" for path in out.glob(".*"))

    def _disturb(self, sweep: subprocess.Popen[bytes], kills: int) -> int:
        """Send kills as long as the sweep runs; return how many."""
        sent = 0
        while sent < kills and sweep.poll() is None:
            try:
                sweep.wait(self.chance.uniform(0, 0.7 * self.span))
            except subprocess.TimeoutExpired:
                sent += self._kill(sweep)
        return sent

    def _lost(self, code: int, err: bytes) -> bool:
        """Whether a sweep ended in one line because its scheduler went, before it had answered or after."""
        gone = (LOST, b"is lost") if b"is lost" in err else (REFUSED, b"the cluster 'tcp://")
        return self.killed["scheduler"] > 0 and (code, err.count(b"\n")) == (gone[0], 1) and gone[1] in err

    def _kill(self, sweep: subprocess.Popen[bytes]) -> int:
        """Send one kill; return 1, or 0 where the victim had gone."""
        kinds = ["sweep", "worker", "scheduler"] if self.cluster else ["sweep", "process"]
        fewest = min(self.killed[kind] for kind in kinds)  # so that each kind has its share of a few kills
        name = self.chance.choice([kind for kind in kinds if self.killed[kind] == fewest])
        try:
            while not (victims := self._victims(name, sweep)) and sweep.poll() is None:
                time.sleep(0.02)  # a sweep that begins has no process yet
            if not victims:
                return 0
            self.chance.choice(victims).kill()
        except psutil.NoSuchProcess:
            return 0
        self.killed[name] += 1
        if self.cluster and name == "worker":
            time.sleep(0.2)
            self.cluster.mend()
        return 1

    def _victims(self, name: str, sweep: subprocess.Popen[bytes]) -> list[psutil.Process]:
        if self.cluster and name != "sweep":
            assert self.cluster.scheduler
            found = self.cluster.workers if name == "worker" else [self.cluster.scheduler]
            return [psutil.Process(process.pid) for process in found]
        process = psutil.Process(sweep.pid)
        return [process] if name == "sweep" else process.children()

    def _start(self, out: Path, *where: str) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "sim",
            "sweep",
            str(self.study),
            "--quiet",
            "--out",
            str(out),
            *where,
        ]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.Popen(command, stderr=subprocess.PIPE, env=environment)


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in RESULTS}


def main(count: int, seed: int) -> int:
    """Kill and tell."""
    faults = []
    with tempfile.TemporaryDirectory() as temporary:
        local = Disturbed(Path(temporary), seed)
        faults += local.faults(count)
        print(f"this machine: {dict(local.killed)} killed in {local.rounds} sweeps", flush=True)
    with tempfile.TemporaryDirectory() as temporary, LocalCluster(Path(temporary), 3) as cluster:
        remote = Disturbed(Path(temporary), seed, cluster)
        faults += remote.faults(count)
        print(f"a cluster: {dict(remote.killed)} killed in {remote.rounds} sweeps", flush=True)
    print("\n".join(faults) or "every sweep ended as if undisturbed")
    return bool(faults)


if __name__ == "__main__":
    words = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*words, *(20, 0)[len(words) :]))
