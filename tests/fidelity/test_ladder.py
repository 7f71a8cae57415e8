"""The table "From the published cycles to ours" of docs/fidelity.md, against cost model and scheduler."""

import re
from pathlib import Path

import pytest

from tandemsim.sim.arch.salo.family import SALO_FAMILY
from tandemsim.sim.arch.settings import with_settings
from tandemsim.sim.papers.salo.cost_model import CostModel, workload
from tandemsim.sim.papers.salo.steps import STEPS, TRACES, Step
from tandemsim.sim.salo.scheduling.schedule import schedule
from tandemsim.traces import codec
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.schema import Op

PAGE = (Path(__file__).parents[2] / "docs" / "fidelity.md").read_text(encoding="utf-8")


def stated(title: str) -> list[tuple[int, int]]:
    """Tiles per head and cycles, row by row, of one workload of the table."""
    rows = PAGE.split(f"| {title}", 1)[1].split("\n\n", 1)[0].splitlines()
    found = []
    for number, line in enumerate(rows):
        cells = [cell.strip().replace(",", "") for cell in line.split("|")]
        if number and cells[1]:
            break  # the next workload
        found.append((int(cells[-4]), int(cells[-3])))
    return found


def attention(name: str) -> Op:
    trace, index = TRACES[name]
    return [op for op in codec.load(codec.find(trace)).ops if op.kind == "window_attention"][index]


def scheduled(op: Op, step: Step) -> tuple[int, int]:
    config = with_settings(SALO_FAMILY.configs[step.preset], step.settings)
    separate = op.has_global_projections
    found = schedule(Pattern.from_op(op), config.array, config.scheduling, global_projections=separate)
    return found.tiles, config.array.total_cycles(found.tiles * op.dim("heads"), op.dim("head_dim"))


TITLES = {"longformer": "Longformer", "vil-1": "ViL-1", "vil-2": "ViL-2"}


@pytest.mark.parametrize("name, title", TITLES.items())
def test_the_page_states_what_the_model_and_the_scheduler_count(name: str, title: str) -> None:
    op, model = attention(name), CostModel()
    counted = [(model.tiles(workload(name)) // workload(name).heads, model.cycles(workload(name)))]
    for step in STEPS[name]:
        if step.variant:
            layer = workload(step.variant)
            counted.append((model.tiles(layer) // layer.heads, model.cycles(layer)))
        elif step.preset == "salo-dac22" or step.aside:
            counted.append(scheduled(op, step))
    assert stated(title) == counted


@pytest.mark.parametrize("name", list(STEPS))
def test_our_preset_takes_the_passes_of_the_last_published_step(name: str) -> None:
    op = attention(name)
    published = [step for step in STEPS[name] if step.preset == "salo-dac22"]
    ours = [step for step in STEPS[name] if step.preset == "salo" and not step.aside]
    assert {scheduled(op, step) for step in ours} == {scheduled(op, published[-1])}


def test_pairs_are_those_of_the_cpu_measurement_and_of_the_page() -> None:
    pairs = [Pattern.from_op(attention(name)).pairs() for name in STEPS]
    assert pairs == [2_043_134, 620_929, 134_065]
    assert all(re.search(rf"{count:,}", PAGE) for count in pairs)
