"""A sample of the fuzzer's cases, and proof that it finds what it is there to find."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from tests.fuzz import faulty_modes
from tests.fuzz.__main__ import line_of, main
from tests.fuzz.campaign import Verdict, run
from tests.fuzz.judge import Answer, Judge
from tests.fuzz.modes import MODES, generator, planned
from tests.fuzz.outputs import content

COUNT = 500  # the fewest with a case of each mode; `make fuzz` has 100,000


def verdicts(cases: list[tuple[str, int]], **options: object) -> list[Verdict]:
    found: list[Verdict] = []
    run(cases, 1, found.append, **options)  # type: ignore[arg-type]
    return found


@pytest.mark.slow
def test_some_hundred_cases_of_all_modes_have_no_finding() -> None:
    found = verdicts(planned(MODES, COUNT))
    assert [line_of(verdict, fault) for verdict in found for fault in verdict.faults] == []
    cases, refused = (Counter(v.mode for v in some) for some in (found, [v for v in found if v.refused]))
    assert cases.total() == COUNT and cases.keys() == MODES.keys()
    # The modes do what they say: hostile input is refused, but not all of it, and valid input hardly ever.
    assert all(refused[mode] > 0 for mode in MODES.keys() - {"valid", "signals"})
    assert all(
        refused[mode] < cases[mode] for mode in ("structure", "settings", "toml", "npz", "csv", "argv")
    )
    assert refused["valid"] <= cases["valid"] // 10


@pytest.fixture(scope="module")
def planted() -> dict[str, Verdict]:
    cases = [(name, 0) for name in faulty_modes.MODES]
    # The longest honest case fills 600 MiB, which takes a second on a slow machine.
    found = verdicts(cases, module=faulty_modes.__name__, longest=4.0)
    assert len(found) == len(cases)  # the campaign goes on after a case that ends its worker
    return {verdict.mode.replace("_", " "): verdict for verdict in found}


@pytest.mark.parametrize("name", [*faulty_modes.FAULTY, *faulty_modes.ENDLESS])
def test_a_planted_fault_is_found(name: str, planted: dict[str, Verdict]) -> None:
    _, told = (faulty_modes.FAULTY | faulty_modes.ENDLESS)[name]
    (fault,) = planted[name].faults
    assert told in fault and "--json out.json" in fault


@pytest.mark.parametrize("name", faulty_modes.GOOD)
def test_a_command_that_keeps_the_rules_is_no_finding(name: str, planted: dict[str, Verdict]) -> None:
    assert planted[name].faults == ()


@pytest.mark.parametrize("count", [1, 9, 1_000, 100_000])
def test_a_plan_has_as_many_cases_as_asked_for_and_none_twice(count: int) -> None:
    cases = planned(MODES, count, first=7)
    assert len(cases) == len(set(cases)) == count
    assert {seed for _, seed in cases} == set(range(7, 7 + max(Counter(name for name, _ in cases).values())))


class Noted(Judge):
    """Notes what would be run, and on which files."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[object] = []

    def command(self, program: str, *arguments: object) -> Answer:
        files = {path.name: data for path, data in content(self.place).items()}
        self.noted.append((program, arguments, files))
        return Answer(2, b"", "")


@pytest.mark.parametrize("name", sorted(MODES.keys() - {"signals"}))  # those depend on the moment
def test_a_case_is_made_of_its_mode_and_seed_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(seed: int, hour: float) -> list[object]:
        with Noted() as judge, monkeypatch.context() as patch:
            patch.setattr("time.time", lambda: 3600 * hour)
            MODES[name].case(generator(name, seed), judge)
            return judge.noted

    assert [made(seed, 1e5) for seed in range(5)] == [made(seed, 2e5) for seed in range(5)]
    assert made(0, 1e5) != made(1, 1e5)


def test_one_case_is_asked_for_by_mode_and_seed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--mode", "csv", "--seed", "3", "--jobs", "1"]) == 0
    (row,) = capsys.readouterr().out.splitlines()[1:]
    assert row.split()[0] == "csv" and row.split()[-3] == "1" and row.split()[-1] == "0"


def test_a_campaign_that_is_stopped_tells_what_it_has_found(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(cases: object, jobs: int, done: Callable[[Verdict], None]) -> None:
        done(Verdict("csv", 8, False, ("traceback",) if found else ()))
        raise KeyboardInterrupt

    monkeypatch.setattr("tests.fuzz.__main__.run", interrupted)
    for found, code in ((False, 130), (True, 1)):
        assert main(["--mode", "csv"]) == code
        said = capsys.readouterr()
        assert said.out.split()[-2:] == ["0", str(int(found))]
        assert said.err == ("make fuzz MODE=csv SEED=8: traceback\n" if found else "")
