"""A tool that `rtl.synth` runs ends with it: a signal leaves no Yosys behind."""

import os
import signal
import subprocess
import sys
import time

import pytest

PROGRAM = """
from pathlib import Path
from tandemsim.sim.shell.stopping import stop_at_once

stop_at_once("tandem")
from tandemsim.rtl.synthesis import yosys

yosys.installed = lambda tool: "/bin/sh"
yosys.run("tool", ["-c", "echo $$ > started.new && mv started.new started && exec sleep 60"], Path("."))
"""


def is_running(process):
    """Whether a process is there; one that has ended, and is asked for by nobody, is not."""
    found = subprocess.run(["ps", "-o", "stat=", "-p", process], capture_output=True, text=True, check=False)
    return found.stdout.strip()[:1] not in ("", "Z")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_tool_too_and_is_one_line(number, tmp_path):
    command, started = [sys.executable, "-c", PROGRAM], tmp_path / "started"
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as program:
        while not started.exists():
            assert program.poll() is None
            time.sleep(0.02)
        tool = started.read_text().strip()
        assert is_running(tool)
        program.send_signal(number)
        said = program.communicate()[1]
    assert (program.returncode, said) == (128 + number, "tandem: stopped\n")
    until = time.monotonic() + 5
    while is_running(tool) and time.monotonic() < until:
        time.sleep(0.02)
    left = is_running(tool)
    if left:
        os.kill(int(tool), signal.SIGKILL)
    assert not left
