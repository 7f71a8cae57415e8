"""Random valid configs × random valid patterns × batch: every law of `tests.fuzz.laws` holds."""

from __future__ import annotations

import json
import math
import random

from tandemsim.sim.arch.families import family_named
from tandemsim.traces.codec import save
from tests.fuzz import laws, valid_configs, valid_patterns
from tests.fuzz.judge import Judge

PRESETS = ("salo", "salo", "salo-dac22")


def case(rng: random.Random, judge: Judge) -> None:
    """Run a made-up trace on a made-up machine; some with values, twice, or against the schema."""
    attentions = [attention(rng) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
    save(valid_patterns.trace(attentions), judge.place / "x.json")
    settings = valid_configs.settings(rng, max(head_dim for _, _, head_dim, _ in attentions))
    preset, batch = rng.choice(PRESETS), rng.choice((1, 1, 2, 3))
    words = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    words += ["--preset", preset, "--batch", str(batch), "--quiet"]
    functional = rng.random() < 0.3
    words += ["--functional"] if functional else []
    words += ["--timeline", rng.choice(("t.json", "t.json.gz"))] if rng.random() < 0.1 else []
    answer = judge.command("sim", "run", "x.json", "--json", "report.json", *words)
    if answer.code != 0:
        return
    judge.fault(f"said {answer.err[:300]!r}", answer.err == "")
    text = (judge.place / "report.json").read_bytes()
    report = json.loads(text)
    judge.faults += laws.of_report(report, attentions, batch)
    if functional:
        errors = [value for found in report["functional"] for value in _numbers(found)]
        judge.fault("an error of the values is not finite", bool(errors) and all(map(math.isfinite, errors)))
    if rng.random() < 0.2:
        judge.faults += laws.of_schema(report)
    if rng.random() < 0.1:
        judge.command("sim", "run", "x.json", "--json", "again.json", *words)
        judge.fault("twice the same run wrote other bytes", (judge.place / "again.json").read_bytes() == text)
    if settings["memory"] == "ideal" and rng.random() < 0.4:
        room = report["config"]["global_scratchpad"]["capacity_bytes"]  # for the tokens of every op
        stated = {key: str(value) for key, value in settings.items()}
        config = family_named("salo").config(preset, {**stated, "global_scratchpad.capacity_bytes": room})
        judge.faults += laws.of_speed(config, attentions[0], batch)


def attention(rng: random.Random) -> laws.Attention:
    """Return a pattern, heads, their elements, and whether global tokens are projected apart."""
    found = valid_patterns.pattern(rng)
    apart = bool(found.global_tokens) and not found.is_extended and rng.random() < 0.5
    heads = rng.choice((1, 1, 2, 3, rng.choice((7, 60))) if found.seq_len <= 100 else (1, 2))
    return found, heads, rng.choice((1, 2, 3, 4, 8, 16)), apart


def _numbers(found: object) -> list[float]:
    if isinstance(found, dict):
        return [number for value in found.values() for number in _numbers(value)]
    return [found] if isinstance(found, float) else []
