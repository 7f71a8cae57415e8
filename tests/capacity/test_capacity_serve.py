"""A served mix: what is found does not depend on who ran it, and obeys the laws of its figures."""

from __future__ import annotations

import math
from pathlib import Path

import jsonschema
import pytest

from tandemsim.sim.arch.checks import ConfigError, UserError
from tandemsim.sim.capacity import runs as runs_module
from tandemsim.sim.capacity.document import as_dict, as_json
from tandemsim.sim.capacity.result import ServingResult
from tandemsim.sim.capacity.schema import schema_text, serving_schema
from tandemsim.sim.capacity.serve import serve
from tandemsim.sim.capacity.text import result_text
from tandemsim.sim.sweep.journal import NAME, FolderError
from tests.capacity.served import csv_of, study

ROOT = Path(__file__).parents[2]
SCHEMA = jsonschema.Draft202012Validator(serving_schema())


@pytest.fixture(scope="module")
def searched() -> ServingResult:
    return serve(study("layer_wise,veltair,prema"), workers=1)


@pytest.fixture(scope="module")
def loaded() -> ServingResult:
    return serve(study("layer_wise,veltair", load=40.0), workers=1)


def test_the_published_schema_is_that_of_the_code() -> None:
    jsonschema.Draft202012Validator.check_schema(serving_schema())
    assert (ROOT / "docs" / "serving.schema.json").read_text() == schema_text()


def test_a_search_and_a_load_obey_the_schema(searched: ServingResult, loaded: ServingResult) -> None:
    for result in (searched, loaded):
        SCHEMA.validate(as_dict(result))


def test_what_cores_do_adds_up_to_all_that_they_have(searched: ServingResult, loaded: ServingResult) -> None:
    for each in (*searched.policies, *loaded.policies):
        assert each.at is not None
        assert sum(each.at["core_time"].values()) == pytest.approx(1)
        assert each.at["core_utilization"] == pytest.approx(1 - each.at["core_time"]["idle"])


def test_at_its_highest_load_a_policy_has_the_asked_share_in_time(searched: ServingResult) -> None:
    for each in searched.policies:
        found = each.max_load
        assert found is not None and each.at is not None
        assert each.at["load"] == pytest.approx(found.mean)
        assert each.at["in_target"] == pytest.approx(0.95, abs=0.02)  # of two short sequences


def test_each_policy_gets_the_best_of_the_parameters_that_were_tried(searched: ServingResult) -> None:
    layer_wise, veltair, prema = searched.policies
    assert not prema.tuned.trials
    for each in (layer_wise, veltair):
        best = max(trial.load for trial in each.tuned.trials)
        assert any(t.load == best and t.settings == each.tuned.variant.settings for t in each.tuned.trials)


def test_parameters_are_tuned_on_other_queries_than_those_reported() -> None:
    own = study(seeds=100)
    assert not set(own.reported_seeds()) & set(own.tuning_seeds())
    assert not set(own.reported_seeds()) & set(study(seed=1).reported_seeds())


def test_a_ratio_and_its_inverse_multiply_to_one(searched: ServingResult) -> None:
    ratios = {(each.policy, each.over): each.estimate for each in searched.ratios()}
    assert len(ratios) == 6
    for (one, other), found in ratios.items():
        back = ratios[other, one]
        assert found is not None and back is not None
        assert found.mean * back.mean == pytest.approx(1)
        assert found.low is not None and back.high is not None and found.low * back.high == pytest.approx(1)


def test_latency_rises_from_the_lowest_load_to_the_highest(searched: ServingResult) -> None:
    for each in searched.policies:
        first, last = each.curve[0], each.curve[-1]
        assert first["load"] < last["load"]
        assert first["p95"] < last["p95"]


def test_two_processes_find_the_same_bytes_as_one(loaded: ServingResult) -> None:
    assert as_json(serve(loaded.study, workers=2)) == as_json(loaded)


def test_a_search_that_was_killed_runs_what_is_missing_and_nothing_else(
    searched: ServingResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = serve(searched.study, workers=1, out=tmp_path)
    assert as_json(first) == as_json(searched)
    lines = (tmp_path / NAME).read_bytes().splitlines(keepends=True)
    (tmp_path / NAME).write_bytes(b"".join(lines[:9]) + lines[9][:20])
    ran: list[int] = []
    row_of = runs_module.runner

    def counting(*args: object) -> object:
        run = row_of(*args)  # type: ignore[arg-type]
        return lambda work: ran.append(work.number) or run(work)  # type: ignore[func-returns-value]

    monkeypatch.setattr(runs_module, "runner", counting)
    assert as_json(serve(searched.study, workers=1, out=tmp_path)) == as_json(first)
    assert sorted(ran) == list(range(8, len(lines) - 1))
    assert (tmp_path / NAME).read_bytes() == b"".join(lines)


def test_a_folder_of_another_search_is_refused(searched: ServingResult, tmp_path: Path) -> None:
    serve(study(load=40.0), workers=1, out=tmp_path)
    with pytest.raises(FolderError, match="holds the results of another study; name another folder"):
        serve(study(load=41.0), workers=1, out=tmp_path)


def test_queries_of_a_file_are_served_as_they_come(tmp_path: Path) -> None:
    lines = [f"{0.025 * number},tiny-yolov2" for number in range(1000)]
    file = csv_of(tmp_path / "queries.csv", *lines)
    result = serve(study("layer_wise", load=40.0, arrivals=str(file)), workers=1)
    at = result.policies[0].at
    assert at is not None
    # One at a time on an idle machine: each takes what the one before took.
    assert at["p50"] == pytest.approx(at["p99"], rel=0.01)
    assert at["queries"] == 900


def test_a_target_that_cannot_be_met_is_refused_with_the_latency_alone() -> None:
    with pytest.raises(
        ConfigError, match=r"no policy can meet the target of tiny-yolov2: alone on the machine"
    ) as e:
        serve(study(mix="tiny-yolov2=1", load=1.0), workers=1)
    alone = float(str(e.value).split("it takes ")[1].split(" ms")[0])
    assert alone > 1


@pytest.mark.parametrize(
    "fields, message",
    [
        (
            {"load": 0.0},
            "the load must be a positive number of queries a second up to 1,000,000,000, not 0.0",
        ),
        (
            {"load": -3.0},
            "the load must be a positive number of queries a second up to 1,000,000,000, not -3.0",
        ),
        ({"load": math.nan}, "the load must be a positive number"),
        ({"queries": 10}, "the queries must be an integer in 1,000...10,000,000, not 10"),
        ({"in_time": 1.0}, "--qos must lie between 0 and 1, not 1.0"),
        ({"seed": -1}, "the seed must be a non-negative integer"),
        ({"seeds": 0}, "the seeds must be an integer in 1...100, not 0"),
        ({"arrivals": "posson"}, "--arrivals must be poisson, bursty or a CSV file of queries"),
        ({"placement": "sideways", "load": 1.0}, "unknown placement 'sideways'"),
        ({"settings": {"coers": 3}, "load": 1.0}, "unknown config key 'coers'"),
    ],
)
def test_a_study_that_makes_no_sense_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as caught:
        serve(study(**fields), workers=1)
    assert message in str(caught.value)


def test_the_table_has_a_row_for_each_policy(searched: ServingResult, loaded: ServingResult) -> None:
    for result in (searched, loaded):
        text = result_text(result)
        for each in result.policies:
            assert text.count(f"\n  {each.label} ") >= 1
    assert "highest load over that of" in result_text(searched)
    assert "highest load over that of" not in result_text(loaded)
