"""The table of results in the README is what the command above it prints."""

import re
from pathlib import Path

import pytest

from tandemsim.sim.__main__ import main

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
# | `workload` (what it is) | cycles | utilization | share % |
ROW = re.compile(r"^\| `([\w-]+)`[^|]*\| ([\d,]+) \| (0\.\d{3}) \| (\d+\.\d) % \|$", re.MULTILINE)


@pytest.mark.parametrize("workload, cycles, utilization, share", ROW.findall(README))
def test_a_row_of_the_readme_is_what_the_run_says(workload, cycles, utilization, share, capsys):
    assert main(["run", workload]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert f"cycles {cycles};" in text
    assert f"utilization {utilization} " in text
    assert f"{share} % of the model's" in text


def test_every_longformer_and_vil_has_its_row():
    """Those that SALO was published for; language models have a page of their own."""
    traces = Path(__file__).resolve().parents[2] / "traces" / "data"
    own = {path.stem for family in ("longformer", "vil") for path in traces.glob(f"{family}*.json")}
    assert {row[0] for row in ROW.findall(README)} == own
