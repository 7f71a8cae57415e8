"""A real cluster of this machine: a scheduler and workers as processes, which tests may kill."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


class LocalCluster:
    """A scheduler and some workers with one thread each. Use as a context manager."""

    def __init__(self, folder: Path, workers: int) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.count = folder, workers
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def __enter__(self) -> LocalCluster:
        self.mend()
        return self

    def __exit__(self, *error: object) -> None:
        for process in (self.scheduler, *self.workers):
            if process:
                process.kill()
                process.wait()

    def mend(self) -> None:
        """Start what is missing."""
        if self.scheduler is None or self.scheduler.poll() is not None:
            for worker in self.workers:  # which might find the new one, or might end just then
                worker.kill()
                worker.wait()
            words = ["dask_scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard"]
            self.scheduler = self._start(*words)
            self._wait()
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < self.count:
            words = ["dask_worker", self.address, "--nthreads", "1", "--no-dashboard", "--no-nanny"]
            self.workers.append(self._start(*words, "--death-timeout", "20"))

    def _start(self, module: str, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{module}", *words]
        with open(self.folder / "cluster.log", "ab") as log:
            return subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, env=os.environ | {"PYTHONPATH": str(ROOT)}
            )

    def _wait(self) -> None:
        """Until the scheduler answers: a worker that finds none waits for long between two tries."""
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise TimeoutError("the scheduler does not start")
