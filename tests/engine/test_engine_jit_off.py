"""The same answers with the JIT on and off."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.engine.answers import answers

ROOT = Path(__file__).parents[2]


def answers_of_another_process(**environment: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.engine.answers"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # numpy warns where an int64 overflows
    return json.loads(done.stdout)


def test_kernels_answer_the_same_as_plain_python() -> None:
    here, there = answers(), answers_of_another_process(NUMBA_DISABLE_JIT="1")
    assert here.pop("compiled") != there.pop("compiled") or os.environ.get("NUMBA_DISABLE_JIT") == "1"
    assert here == there
    assert "waits for" in here["knot"][1]
