"""Studies: what is refused, at which line, and which points they have, against nested loops."""

import itertools
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tandemsim.sim.arch.families import FAMILIES
from tandemsim.sim.arch.family import Family
from tandemsim.sim.sweep import study as studies
from tandemsim.sim.sweep.fields import OPTIONS, Fields
from tandemsim.sim.sweep.origin import StudyError
from tandemsim.sim.sweep.point_run import STATUSES
from tandemsim.sim.sweep.space import Space
from tandemsim.sim.sweep.study import MAX_POINTS, read_study

WORK = "sliding:64,16"
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> Path:
        path = tmp_path / "study.toml"
        path.write_text(text)
        return path

    return written


def points(given: Any) -> list[dict[str, object]]:
    study = read_study(given)
    space = Space(study, Fields(study))
    return [space[number] for number in range(len(space))]


def refusal(path: Path) -> str:
    with pytest.raises(StudyError) as caught:
        points(path)
    return str(caught.value).replace(str(path), "study.toml")


def test_a_grid_is_the_nested_loop_of_its_keys() -> None:
    grid = {"pattern": WORK, "rows": [4, 8], "cols": [2, 4, 6], "memory": ["hbm2", "ideal"]}
    loop = [
        {"pattern": WORK, "rows": rows, "cols": cols, "memory": memory}
        for rows in (4, 8)
        for cols in (2, 4, 6)
        for memory in ("hbm2", "ideal")
    ]
    assert points({"grid": grid}) == loop


def test_points_are_every_row_with_every_sample_with_the_whole_grid() -> None:
    study = {
        "list": [{"rows": 4}, {"rows": 8, "cols": 8}],
        "samples": 3,
        "random": {"dram.channels": {"low": 1, "high": 99}},
        "grid": {"pattern": WORK, "preset": ["salo", "salo-dac22"]},
    }
    found = points(study)
    assert len(found) == 2 * 3 * 2
    channels = [point.pop("dram.channels") for point in found]
    assert channels[:6] == channels[6:] and channels[0] == channels[1]  # a sample is the same in every row
    rows = [{"rows": 4}, {"rows": 8, "cols": 8}]
    work = [{"pattern": WORK, "preset": preset} for preset in ("salo", "salo-dac22")]
    assert found == [row | one for row, _, one in itertools.product(rows, range(3), work)]


def test_more_samples_and_more_keys_leave_the_draws_that_were_there() -> None:
    key = {"rows": {"low": 1, "high": 64}}
    few = points({"grid": {"pattern": WORK}, "samples": 3, "seed": 5, "random": key})
    wider = {"cols": {"low": 1, "high": 64}, **key}
    many = points({"grid": {"pattern": WORK}, "samples": 9, "seed": 5, "random": wider})
    assert [point["rows"] for point in many[:3]] == [point["rows"] for point in few]


def test_a_constraint_keeps_what_it_holds_for() -> None:
    study = {"grid": {"pattern": WORK, "rows": [4, 8, 16], "array.cols": [4, 8, 16]}}
    study["constraints"] = ["array.rows * cols <= 64"]  # type: ignore[assignment]
    kept = [(point["rows"], point["array.cols"]) for point in points(study)]
    assert kept == [(r, c) for r in (4, 8, 16) for c in (4, 8, 16) if r * c <= 64]


def test_a_constraint_reads_the_config_where_a_point_says_nothing() -> None:
    study = {"grid": {"pattern": WORK, "preset": ["salo", "salo-dac22"]}}
    study["constraints"] = ["array.column_segments == 2 and clock_hz == 1_000_000_000"]  # type: ignore[assignment]
    assert [point["preset"] for point in points(study)] == ["salo"]


@pytest.mark.parametrize("catalog", ["memory", "numerics"])
def test_a_constraint_reads_the_choice_of_a_catalog_that_the_study_does_not_set(catalog: str) -> None:
    family = FAMILIES["salo"]
    presets, section = list(family.presets), family.catalogs[catalog].section
    for choice, value in family.catalogs[catalog].choices.items():
        has = {name: getattr(config, section) == value for name, config in family.configs.items()}
        for operator, wanted in (("==", True), ("!=", False)):
            study: dict[str, Any] = {"grid": {"pattern": WORK, "preset": presets}}
            study["constraints"] = [f"{catalog} {operator} {choice!r}"]
            kept = [name for name in presets if has[name] is wanted]
            if kept:
                assert [point["preset"] for point in points(study)] == kept
            else:
                with pytest.raises(StudyError, match="the constraints leave no point"):
                    points(study)


def test_a_catalog_is_none_where_a_field_of_it_is_set_otherwise() -> None:
    study: dict[str, Any] = {"grid": {"pattern": WORK, "dram.channels": [1, 3]}}
    study["constraints"] = ["memory == none"]
    assert [point["dram.channels"] for point in points(study)] == [3]


def test_a_constraint_on_a_whole_section_is_refused(write: Write) -> None:
    said = (
        "study.toml, line 1: unknown key 'dram'; did you mean 'dram.ranks', 'dram.row_cap' or 'dram.refresh'?"
    )
    assert refusal(write(f"constraints = ['dram == 1']\n{GRID}")) == said


def test_constraints_build_no_config_that_they_can_do_without(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    config = Family.config

    def counted(self: Family, preset: str | None, settings: Any) -> Any:
        built.append(dict(settings))
        return config(self, preset, settings)

    grid = {"batch": [1, 2, 3], "rows": [4, 8, 16], "pattern": [WORK, "sliding:32,8"], "cols": [4, 8]}
    study = {"grid": grid, "constraints": ["array.column_segments == 2", "rows * cols <= 32"]}
    read = read_study(study)
    fields = Fields(read)
    monkeypatch.setattr(Family, "config", counted)
    assert len(Space(read, fields)) == 3 * 2 * 3
    assert built == [{"rows": rows, "cols": cols} for rows, cols in ((4, 4), (4, 8), (8, 4))]


def test_a_cheap_constraint_without_a_value_is_told_only_where_those_before_it_hold() -> None:
    study: dict[str, Any] = {"grid": {"pattern": WORK, "preset": ["salo", "salo-dac22"], "rows": [0, 8]}}
    study["constraints"] = ["batch == 2", "8 / rows == 1"]
    with pytest.raises(StudyError, match="the constraints leave no point of 4"):
        points(study)
    study["constraints"] = ["batch == 1", "8 / rows == 1"]
    with pytest.raises(StudyError) as refused:
        points(study)
    assert str(refused.value) == "the study: constraint '8 / rows == 1' has no value: division by zero"


def test_progress_says_how_far_constraints_are() -> None:
    heard: list[tuple[str, int, int]] = []
    read = read_study({"grid": {"pattern": WORK, "rows": list(range(1, 301))}, "constraints": ["rows > 2"]})
    Space(read, Fields(read), lambda *what: heard.append(what))
    assert heard == [("combinations", done, 300) for done in (0, 256, 300)]


def test_a_point_whose_config_is_not_valid_is_not_excluded() -> None:
    study = {"grid": {"pattern": WORK, "rows": [0, 8]}, "constraints": ["array.column_segments == 2"]}
    assert [point["rows"] for point in points(study)] == [0, 8]


def test_sections_and_dotted_keys_are_one_way_to_write_a_key(write: Write) -> None:
    path = write(f'grid.pattern = "{WORK}"\n[grid.array]\nrows = [4, 8]\n[grid.dram]\nchannels = 2\n')
    assert points(path) == points({"grid": {"pattern": WORK, "array.rows": [4, 8], "dram.channels": 2}})


GRID = f'[grid]\npattern = "{WORK}"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "study.toml: a study must have points: [grid], [[list]] or [random]"),
        ("[grid]\nrows = [1]\n", "study.toml: a study must have a workload or a pattern"),
        ("[grid\n", "study.toml is not TOML: "),
        ("\n[gird]\nrows = [1]\n", "line 2: unknown section of a study 'gird'; did you mean 'grid'?"),
        (f"{GRID}rows = []\n", "line 3: grid.rows must have values, not []"),
        (f"{GRID}\narray.rwos = [1]\n", "line 4: unknown key 'array.rwos'; did you mean 'array.rows'"),
        (f"{GRID}batches = 2\n", "line 3: unknown key 'batches'; did you mean 'batch'"),
        (f"{GRID}machine = 'salo'\ndataflow = 'ws'\n", "line 4: config key 'dataflow' cannot be set: "),
        (f"{GRID}machine = ['salo',\n 'sallo']\n", "line 4: unknown machine 'sallo'; did you mean 'salo'"),
        (
            f"{GRID}preset = ['salo-dac23']\n",
            "line 3: unknown preset 'salo-dac23'; did you mean 'salo-dac22'",
        ),
        (
            "[grid]\nworkload = [\n'vil-tiny',\n'vil-tinny']\n",
            "line 4: unknown trace 'vil-tinny'; did you mean",
        ),
        ("[grid]\nworkload = 'none.json'\n", "line 2: "),
        ("[grid]\npattern = 'slide:4'\n", "line 2: unknown pattern 'slide'; did you mean 'sliding'?"),
        ("[grid]\npattern = 'sliding:4,0'\n", "line 2: "),
        ("[grid]\npattern = 4\n", "line 2: pattern must be a text"),
        (f"{GRID}rows = 1\n[[list]]\nrows = 2\n", "rows stands in list and in grid; set it in one of them"),
        (f"{GRID}rows = 1\narray.rows = 2\n", "line 4: 'rows' and 'array.rows' are one field"),
        (f"{GRID}[[list]]\n", "line 3: a table of list must have keys"),
        (f"list = 3\n{GRID}", "line 1: list must be tables"),
        (
            f"samples = 2\n{GRID}",
            "study.toml, line 1: samples says how often [random] is drawn, and there is no [random]",
        ),
        (
            f"{GRID}[random]\nrows = [1, 2]\n",
            "study.toml, line 3: [random] must have samples, which says how often it is drawn",
        ),
        (
            f"samples = 0\n{GRID}[random]\nrows = [1]\n",
            "line 1: samples must be an integer of at least 1, not 0",
        ),
        (
            f"samples = 2\nseed = -1\n{GRID}[random]\nrows = [1]\n",
            "line 2: seed must be an integer of at least 0",
        ),
        (
            f"samples = 2\n{GRID}[random]\nrows = {{low = 2}}\n",
            "line 5: random.rows must be a list, or a table",
        ),
        (f"{GRID}rows = [1, 1979-05-27]\n", "line 3: rows must be a text, a number, true or false"),
        (f"{GRID}rows = [1, nan]\n", "line 3: rows must be a number of 64 bits"),
        (f"{GRID}rows = {10**30}\n", "line 3: rows must be a number of 64 bits"),
        (f"{GRID}rows = {{}}\n", "line 3: rows must have a value"),
        (f"constraints = 'rows < 3'\n{GRID}", "line 1: constraints must be a list of texts"),
        (
            f"constraints = ['rows < 3',\n'rwos < 4']\n{GRID}",
            "line 2: unknown key 'rwos'; did you mean 'rows'",
        ),
        (f"constraints = ['rows <']\n{GRID}", "line 1: constraint 'rows <' is not an expression"),
        (
            f"constraints = ['rows']\n{GRID}rows = 4\n",
            "line 1: constraint 'rows' must be true or false, not 4",
        ),
        (
            f"constraints = ['rows > 4']\n{GRID}rows = 4\n",
            "line 1: the constraints leave no point of 1",
        ),
        (
            f"pareto = ['cycles']\n{GRID}",
            "line 1: pareto must be two or three of cycles, time, energy, area, bytes",
        ),
        (f"pareto = ['cycles', 'power']\n{GRID}", "line 1: unknown objective 'power'"),
        (f"pareto = ['cycles', 'cycles']\n{GRID}", "line 1: pareto must be two or three of"),
        (f"{GRID}[cluster]\njobs = 0\n", "line 4: cluster.jobs must be a positive integer"),
        (f"{GRID}[cluster]\njob = 1\n", "line 4: unknown word of cluster 'job'; did you mean 'jobs'?"),
        (f"name = 3\n{GRID}", "line 1: name must be a text"),
    ],
)
def test_a_bad_study_is_one_message_with_the_line(write: Write, text: str, said: str) -> None:
    message = refusal(write(text))
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[grid]\npattern = 'sliding:4,2'\nworkload = ['vil-tiny']\n", 3),
        ("[[list]]\npattern = 'sliding:4,2'\n[[list]]\nworkload = 'vil-tiny'\npattern = 'sliding:4,2'\n", 5),
        ("[[list]]\nrows = 3\n[[list]]\nworkload = 'vil-tiny'\n[grid]\npattern = 'sliding:4,2'\n", 6),
        ("samples = 1\n[random]\npattern = ['sliding:4,2']\n[grid]\nworkload = 'vil-tiny'\n", 5),
    ],
)
def test_a_workload_and_a_pattern_in_one_point_are_refused(write: Write, text: str, line: int) -> None:
    said = f"study.toml, line {line}: a point must have a workload or a pattern, not both"
    assert refusal(write(text)) == said


def test_a_study_of_too_many_points_is_refused_with_its_size(write: Write) -> None:
    values = str(list(range(101)))
    text = f"{GRID}rows = {values}\ncols = {values}\nbatch = {values}\n"
    assert f"at most {MAX_POINTS:,} points, not {101**3:,}" in refusal(write(text))


def test_a_study_that_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = tmp_path / "study.toml"
    assert refusal(study) == "there is no study 'study.toml'"
    study.mkdir()
    assert refusal(study) == "a study must be a regular file, not 'study.toml'"
    study.rmdir()
    study.write_bytes(b"name = '\xe9'")
    said = "'utf-8' codec can't decode byte 0xe9 in position 8: invalid continuation byte"
    assert refusal(study) == f"study.toml is not text in UTF-8: {said}"
    monkeypatch.setattr(studies, "MAX_FILE_BYTES", 2**20)
    study.write_bytes(b"#" * (2**20 + 1))
    assert refusal(study) == "a study must be a file of at most 1 MiB, not 'study.toml'"


def test_the_study_of_the_page_is_one(write: Write) -> None:
    page = (Path(__file__).parents[2] / "docs" / "sweep.md").read_text()
    (block,) = re.findall(r"^    # sizes\.toml\n((?:    .*\n|\n)+)", page, re.MULTILINE)
    sizes = [8, 16, 32, 64]
    fit = sum(rows * cols <= 1024 for rows in sizes for cols in sizes)
    assert len(points(write(textwrap.dedent(block)))) == 2 * 2 * fit
    words = re.findall(r"^\| `([a-z_`, ]+)` \|", page, re.MULTILINE)
    named = {word.strip("` ") for row in words for word in row.split(",")}
    keys = {"workload", "pattern", "machine", "preset", "batch", "bits", "only"}
    assert keys <= named <= {*OPTIONS, *STATUSES}


def test_the_digest_is_that_of_what_the_results_follow_from() -> None:
    base: dict[str, Any] = {"grid": {"pattern": WORK, "rows": [4, 8]}}
    digest = read_study(base).digest({})
    assert (
        read_study({**base, "name": "x", "cluster": {"jobs": 3}, "pareto": ["cycles", "bytes"]}).digest({})
        == digest
    )
    others = [
        {"grid": {"pattern": WORK, "rows": [8, 4]}},
        {"grid": {"rows": [4, 8], "pattern": WORK}},
        {**base, "constraints": ["rows > 4"]},
    ]
    assert digest not in {read_study(other).digest({}) for other in others}
    assert read_study(base).digest({"t": "0"}) != digest
