"""A value that a traced model asks for is the one that it would have on the CPU, or it is not known."""

import pytest
import torch
from torch.utils._python_dispatch import _disable_current_modes

from tandemsim.workloads.buffers import FromNumbers
from tandemsim.workloads.fused import FusedAttention
from tandemsim.workloads.masked import Masked
from tandemsim.workloads.recorder import Recorder


def value_of(program, *inputs):
    """Return what the recorder knows of the results of a program that runs on `meta`."""
    recorder = Recorder()
    given = [tensor.to("meta") for tensor in inputs]
    for tensor in given:
        recorder.tensors.add_input(tensor)
    numbers, fused = FromNumbers(recorder.recipes), FusedAttention(recorder, Masked(recorder))
    with torch.device("meta"), numbers, fused, recorder:
        results = program(*given)
    return [recorder.value(result) for result in results]


def numbers():
    n = torch.tensor(3)
    n.add_(4).mul_(torch.as_tensor(2))
    return (n, n + 1, torch.asarray([1.5, 2.5]).sum())


def slices():
    table = torch.zeros(4, 6)
    places = torch.arange(4.0)[:, None]
    table[:, 0::2] = places.sin()
    table[:, 1::2] = torch.arange(3) * places
    view = table[1:]
    table.view(-1)[7] = 50
    return (table, view, view.t().contiguous(), table.sum(dim=0))


def overwritten_after_a_view():
    a = torch.ones(3, 3)
    row = a[1]
    later = row + 1
    a.fill_diagonal_(7)
    row[0] = -1
    return (a, row, later)


def filled():
    blank = torch.empty(4, 4)
    blank.fill_(2)
    blank[0].zero_()
    other = torch.empty_like(blank)
    other.copy_(blank)
    return (blank, other)


def positions():
    relative = torch.arange(5)[None] - torch.arange(5)[:, None]
    buckets = torch.where(relative < 2, relative.abs(), torch.full_like(relative, 2))
    ranked, order = buckets.sort(dim=1, descending=True)
    return (buckets, ranked, order, torch.nn.functional.one_hot(buckets, 6))


def found():
    chosen = (torch.arange(9) % 4 == 0).nonzero()
    return (chosen, torch.arange(9)[chosen.flatten()], torch.unique(torch.tensor([3, 1, 3])))


@pytest.mark.parametrize("program", [numbers, slices, overwritten_after_a_view, filled, positions, found])
def test_constants_have_the_values_that_they_have_on_the_cpu(program):
    for known, expected in zip(value_of(program), program(), strict=True):
        assert known is not None and torch.equal(known, expected)


def test_random_programs_of_writes_in_place_agree_with_the_cpu():
    steps = {
        "add": lambda a, b: a.add_(b),
        "row": lambda a, b: a[1].copy_(b[0]),
        "column": lambda a, b: a[:, 0].mul_(3),
        "transposed": lambda a, b: a.t().sub_(b),
        "fresh": lambda a, b: a.copy_(torch.arange(9).view(3, 3)),
        "swap": lambda a, b: b.copy_(a.flip(0)),
        "masked": lambda a, b: a.masked_fill_(b > 4, 1),
        "lower": lambda a, b: a.tril_(),
    }
    generator = torch.Generator().manual_seed(2)
    for _ in range(60):
        chosen = [list(steps)[int(i)] for i in torch.randint(len(steps), (7,), generator=generator)]

        def program(chosen=chosen):
            a, b = torch.arange(9).view(3, 3).clone(), torch.ones(3, 3, dtype=torch.int64)
            for name in chosen:
                steps[name](a, b)
            return (a, b, a[0], b.t())

        for known, expected in zip(value_of(program), program(), strict=True):
            assert torch.equal(known, expected), chosen


def test_of_an_input_only_the_shape_is_known():
    def program(x):
        return (torch.ones_like(x), x.new_zeros(2), torch.full(x.shape, 3.0), torch.arange(x.numel()))

    x = torch.rand(2, 3)
    for known, expected in zip(value_of(program, x), program(x), strict=True):
        assert torch.equal(known, expected)


def test_what_an_input_or_chance_has_touched_is_not_known():
    def program(x):
        touched = torch.zeros(3)
        touched[0] = x[0]
        view, undone = touched[1:], torch.zeros(3).add_(x).zero_()
        return (x, x * 0, touched, view, undone, torch.rand(3), torch.empty(3), torch.empty(3)[1:] + 1)

    assert value_of(program, torch.rand(3)) == [None] * 8


def test_values_can_be_asked_for_while_the_model_runs():
    recorder = Recorder()
    seen = []
    numbers, fused = FromNumbers(recorder.recipes), FusedAttention(recorder, Masked(recorder))
    with torch.device("meta"), numbers, fused, recorder:
        a = torch.zeros(2)
        for _ in range(3):
            a += 1
            seen.append(a.sum().item())
    assert seen == [2, 4, 6]
    with _disable_current_modes():
        assert recorder.value(a).tolist() == [3, 3]
