"""The user's mistakes: one line that names the nearest valid thing, exit code 2, and nothing written."""

from __future__ import annotations

import copy
import gzip
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tandemsim.sim import run as sim_run
from tandemsim.sim.report.rules import InvariantError

MANY_DIGITS = "9" * 5000


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["run", "longfomer"], "tandem: unknown trace 'longfomer'; did you mean 'longformer', .*"),
        (["run", "vil"], "tandem: unknown trace 'vil'; did you mean 'vil-tiny' or 'vil-small'.*"),
        (["run", "qqq"], "tandem: unknown trace 'qqq'; known: bert-base-128, bert-base-512, .*"),
        (["run", ""], "tandem: unknown trace ''; known: bert-base-128, .*"),
        (["run", "x" * 300], "tandem: unknown trace 'x+\\.\\.\\.; known: .*"),
        (["run", "a\nb"], r"tandem: unknown trace 'a\\nb'; known: .*"),
        (["run", "no.json"], "tandem: no.json: cannot be read: No such file or directory"),
        (["run", "no/such/file"], "tandem: no/such/file: cannot be read: No such file or directory"),
        (["run", "small.json/x"], "tandem: small.json/x: cannot be read: Not a directory"),
        (["run", "."], r"tandem: \.: cannot be read: Is a directory"),
        (["run", f"{'x' * 300}.json"], "tandem: \\.\\.\\.x+.json: cannot be read: File name too long"),
        (
            ["run", "small.json", "--machine", "sallo"],
            "tandem: unknown machine 'sallo'; did you mean 'salo' or 'ant\\+salo'\\?",
        ),
        (
            ["run", "small.json", "--machine", ""],
            "tandem: unknown machine ''; known: ant, ant\\+salo, cpu, salo",
        ),
        (
            ["run", "small.json", "--preset", "salo-dac21"],
            "tandem: unknown preset of salo 'salo-dac21'; did you mean 'salo-dac22' or 'salo'\\?",
        ),
        (
            ["run", "small.json", "--preset", ""],
            "tandem: unknown preset of salo ''; known: salo, salo-dac22",
        ),
        (["run", "small.json", "--batch", "0"], "tandem: the batch must be a positive integer, not 0"),
        (["run", "small.json", "--batch", "-3"], "tandem: the batch must be a positive integer, not -3"),
        (
            ["run", "small.json", "--batch", "1.5"],
            "tandem run: argument --batch: invalid int value: '1.5'; see tandem run --help",
        ),
        (
            ["run", "small.json", "--batch", MANY_DIGITS],
            "tandem run: argument --batch: invalid int value: .*",
        ),
        (["run", "small.json", "--batch", "9" * 30], "tandem: the batch must be at most 2147483647, not 9+"),
        (
            ["run", "small.json", "--batch", "2147483647"],
            "tandem: op 'layer.0.attention': its plan must take at most 4 GiB of memory, .*",
        ),
        (["run", "small.json", "--seed", "-1"], "tandem: the seed must be a non-negative integer, not -1"),
        (
            ["run", "small.json", "--seed", "-1", "--functional"],
            "tandem: the seed must be a non-negative integer, not -1",
        ),
        (
            ["run", "small.json", "--seed", "9" * 30],
            "tandem: the seed must be at most 9223372036854775807, .*",
        ),
        (
            ["run", "small.json", "--json", "-", "--timeline", "-"],
            "tandem: only one of --json and --timeline may be -",
        ),
        (
            ["run", "small.json", "--json", "same", "--timeline", "./same"],
            "tandem: --json and --timeline must be two files, not both 'same'",
        ),
        (["run", "small.json", "--out", "/"], "tandem: an output folder must have a name, not '/'"),
        (
            ["run", "small.json", "--quite"],
            "tandem run: unknown option '--quite'; did you mean '--quiet', .*; see tandem run --help",
        ),
        (
            ["run", "small.json", "--batc=2"],
            "tandem run: unknown option '--batc'; did you mean '--batch', .*; see tandem run --help",
        ),
        (["run", "small.json", "more"], "tandem run: unexpected argument 'more'; see tandem run --help"),
        (["run", "small.json", "--set"], "tandem run: argument --set: expected one argument; .*"),
        # argparse itself would make an empty list of this value
        (["run", "small.json", "--seed=--"], "tandem run: argument --seed: expected a value, not '--'; .*"),
        (["run", "small.json", "--json=--"], "tandem run: argument --json: expected a value, not '--'; .*"),
        (["run"], "tandem: a workload is missing: a name, a file or --pattern"),
        ([], "tandem: the following arguments are required: COMMAND; see tandem --help"),
        (["rum"], "tandem: .* invalid choice: 'rum' .*run.*list.*reproduce.*; see tandem --help"),
        (["reproduce", "sallo"], "tandem: unknown paper 'sallo'; did you mean 'salo'\\?"),
        (["reproduce", "salo", "--json", "no/r.json"], "tandem: cannot write 'no/r.json': the folder .*"),
        (["reproduce", "salo", "--json", ""], "tandem: an output file must have a name, not ''"),
    ],
)
def test_a_wrong_word_is_answered_with_the_rule_or_the_nearest(
    refused: Callable[..., str], arguments: list[str], says: str
) -> None:
    message = refused(*arguments)
    assert re.fullmatch(says + "\n", message), message


@pytest.mark.parametrize(
    "name, data, says",
    [
        ("empty.json", b"", "is not valid JSON: Input data was truncated"),
        ("list.json", b"[1, 2]", r"schema must be 'tandem-trace/1', not \[1, 2\]"),
        ("text.json", b'"text"', "schema must be 'tandem-trace/1', not 'text'"),
        ("object.json", b"{}", "schema must be 'tandem-trace/1', not None"),
        ("nan.json", b'{"schema": NaN}', "schema must be a JSON value, not NaN"),
        ("infinite.json", b'{"schema": 1e999}', "schema must be a number below 1e308, not 1e999"),
        ("digits.json", b'{"schema": ' + MANY_DIGITS.encode() + b"}", "schema must be a number below .*"),
        ("utf16.json", '{"schema": "tandem-trace/1"}'.encode("utf-16"), "must be text in UTF-8, not UTF-16"),
        ("latin.json", b'{"schema": "\xe9"}', "is not text in UTF-8: byte 0xe9 at position 12"),
        ("deep.json", b"[" * 100_000, r"\[0\]\[0\].* must be nested at most 32 deep"),
        ("two.json", b"{}{}", "is not valid JSON: .*"),
        ("plain.json.gz", b'{"schema": "tandem-trace/1"}', "is not a valid gzip file: .*"),
        ("cut.json.gz", gzip.compress(b"{}" * 99, mtime=0)[:-9], "is not a valid gzip file: .*"),
        ("table.csv", b"Layer,M,N,K\nx,1,2,3\n", "is a table; .*python -m traces convert .*"),
    ],
)
def test_a_file_that_is_no_trace_is_refused(
    refused: Callable[..., str], place: Path, name: str, data: bytes, says: str
) -> None:
    (place / name).write_bytes(data)
    message = refused("run", f"./{name}")
    assert re.fullmatch(f"tandem: {name}: {says}\n", message), message


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_truncated_trace_is_refused(refused: Callable[..., str], place: Path, share: float) -> None:
    data = (place / "small.json").read_bytes()
    (place / "cut.json").write_bytes(data[: int(len(data) * share)])
    assert refused("run", "cut.json").startswith("tandem: cut.json: is not valid JSON: ")


def test_line_ends_of_windows_are_no_edit(command: Any, place: Path) -> None:
    (place / "windows.json").write_bytes((place / "small.json").read_bytes().replace(b"\n", b"\r\n"))
    answers = [command("run", name, "--json", "-").json for name in ("small.json", "windows.json")]
    assert [answer.pop("workload") for answer in answers] == ["small", "windows"]
    assert answers[0] == answers[1]


def test_an_edited_trace_is_refused_by_its_digest(refused: Callable[..., str], place: Path) -> None:
    text = (place / "small.json").read_text()
    (place / "edited.json").write_text(text.replace('"small"', '"big"', 1))
    says = "tandem: edited.json: digest is not that of the content: the trace was edited or damaged\n"
    assert refused("run", "edited.json") == says


@pytest.fixture
def damaged(refused: Callable[..., str], place: Path) -> Callable[..., str]:
    """A function: run the small trace with one value changed and a digest that fits; return the message."""

    def run(path: str, value: object) -> str:
        document = json.loads((place / "small.json").read_bytes())
        *way, last = (int(step) if step.isdigit() else step for step in path.split("."))
        node = document
        for step in way:
            node = node[step]
        node[last] = value
        body = {key: part for key, part in copy.deepcopy(document).items() if key != "digest"}
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        document["digest"] = hashlib.sha256(text.encode()).hexdigest()
        (place / "bad.json").write_text(json.dumps(document))
        return refused("run", "bad.json")

    return run


@pytest.mark.parametrize(
    "path, value, says",
    [
        (
            "kind",
            "window_atention",
            "kind 'window_atention' is unknown; did you mean 'window_attention' or .*",
        ),
        ("kind", "qqq", "kind 'qqq' is unknown; known: act, attention, .*"),
        ("dims.heads", 0, r"dims.heads must be a positive integer below 2\*\*31, not 0"),
        ("dims.head_dim", -16, r"dims.head_dim must be a positive integer below 2\*\*31, not -16"),
        ("dims.seq_len", 2**31, r"dims.seq_len must be a positive integer below 2\*\*31, not 2147483648"),
        ("dims.seq_len", 10**40, r"dims.seq_len must be a positive integer below 2\*\*31, not 10+"),
        ("dims.seq_len", 96.5, r"dims.seq_len must be int \| array, not float"),
        ("dims.seq_len", "96", r"dims.seq_len must be int \| array, not str"),
        ("dims.seq_len", [96], "dims.seq_len must be an integer"),
        (
            "dims.head_size",
            16,
            "dims.head_size is not a dimension of window_attention; did you mean 'heads', .*",
        ),
        ("macs", 1, "macs must be [0-9]+, which follows from dims, not 1"),
        (
            "attrs.bands",
            [[96, 96, 1]],
            r"attrs.bands must reach some of the 96 tokens, not \[96, 96\]",
        ),
        ("attrs.bands", [[12, -12, 1]], r"attrs.bands must be integers with low <= high, not \[12, -12\]"),
        ("attrs.bands", [[-12, 12, 0]], r"attrs.bands must have a positive dilation, not \[-12, 12, 0\]"),
        ("attrs.bands", [[200, 210, 1]], r"attrs.bands must reach some of the 96 tokens, not \[200, 210\]"),
        ("attrs.bands", 5, r"attrs.bands must be \[\[low, high, dilation\], ...\], not 5"),
        ("attrs.global_tokens", [96], r"attrs.global_tokens must be indices in 0..95, not 96"),
        ("attrs.global_tokens", [0, 0], "attrs.global_tokens must name each token once, not 0 twice"),
        (
            "attrs.random_blocks",
            3,
            "attrs.random_blocks is not supported: random keys are stated as blocks",
        ),
    ],
)
def test_an_op_that_breaks_a_rule_is_named_with_its_field(
    damaged: Callable[..., str], path: str, value: object, says: str
) -> None:
    message = damaged(f"ops.1.{path}", value)
    assert re.fullmatch(f"tandem: bad.json: op 1 'layer.0.attention': {says}\n", message), message


@pytest.mark.parametrize("machine", [(), ("--machine", "ant")])
def test_a_trace_without_ops_is_refused_as_such(
    refused: Callable[..., str], place: Path, machine: tuple[str, ...]
) -> None:
    from tandemsim.traces.codec import save
    from tandemsim.traces.scalesim import from_csv
    from tandemsim.traces.validate import seal

    trace = from_csv("Layer,M,N,K\nx,1,2,3\n", "x")[0]
    save(seal(source=trace.source, tensors=trace.tensors[:2], ops=[]), place / "weights.json")
    said = "tandem: the trace has no ops, so there is nothing to run\n"
    assert refused("run", "weights.json", *machine) == said
    assert said.removeprefix("tandem: ") in refused(
        "compare", "weights.json", "--vary", "rows=8,16", *(("--machines", "ant") if machine else ())
    )


def test_a_trace_without_an_op_for_the_machine_is_refused(refused: Callable[..., str], place: Path) -> None:
    from tandemsim.traces.codec import save
    from tandemsim.traces.scalesim import from_csv

    save(from_csv("Layer,M,N,K\nx,1,2,3\n", "x")[0], place / "gemm.json")
    asked = refused("run", "gemm.json", "--machine", "salo", "--functional")
    assert (
        asked
        == "tandem: salo runs attention, window_attention ops, and the trace has none; try another machine\n"
    )


FAULTS = {
    "a bug": (RuntimeError("a wheel came off"), "RuntimeError: a wheel came off"),
    "numbers that disagree": (
        InvariantError("1 is not 2"),
        "tandemsim.sim.report.rules.InvariantError: 1 is not 2",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_inside_a_run_is_exit_code_1_and_loud(process: Any, place: Path, fault: str) -> None:
    error, says = FAULTS[fault]
    (place / "faulty.py").write_text(
        "import sys, tandemsim.sim.run, tandemsim.sim.report.contract\n"
        "def simulate(*arguments): raise "
        + f"{type(error).__module__}.".replace("builtins.", "")
        + f"{type(error).__name__}({str(error)!r})\n"
        "tandemsim.sim.run.simulate = simulate\n"
        "from tandemsim.sim.__main__ import main\n"
        "sys.exit(main(['run', 'small.json', '--json', 'r.json', '--out', 'out']))\n"
    )
    done = process(module="faulty")
    assert done.returncode == 1 and done.stdout == b""
    assert done.stderr.startswith(b"Traceback") and done.stderr.decode().splitlines()[-1] == says
    assert {path.name for path in place.iterdir()} - {"__pycache__"} == {"small.json", "faulty.py"}


@pytest.mark.parametrize(
    "error, says",
    [
        (KeyboardInterrupt(), "tandem: stopped\n"),
        (MemoryError("Unable to allocate 9 TiB"), "tandem: out of memory: Unable to allocate 9 TiB\n"),
        (MemoryError(), "tandem: out of memory: a smaller batch takes less\n"),
    ],
)
def test_a_run_that_is_stopped_or_finds_no_memory_says_so_with_its_exit_code(
    command: Any, place: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, says: str
) -> None:
    def simulate(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(sim_run, "simulate", simulate)
    answer = command("run", "small.json", "--json", "r.json")
    code = 130 if isinstance(error, KeyboardInterrupt) else 1
    assert (answer.code, answer.out, answer.err) == (code, b"", says)
    assert not (place / "r.json").exists()


def test_a_missing_package_is_one_line_that_says_what_to_do(process: Any, place: Path) -> None:
    """As when the README's command meets a Python without the packages."""
    (place / "bare.py").write_text(
        "import sys\n"
        "sys.modules['msgspec'] = None\n"
        "from tandemsim.sim.__main__ import main\n"
        "sys.exit(main(['run', 'small.json']))\n"
    )
    done = process(module="bare")
    told = "msgspec is not installed: use .venv/bin/python, which `make sim` makes, or pip install ."
    assert (done.returncode, done.stderr.decode()) == (2, f"tandem: {told}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("LONG",),
        ("--LONG",),
        ("--help", "LONG"),
        ("run", "LONG"),
        ("run", "LONG.json"),
        ("run", "small.json", "LONG"),
        ("run", "small.json", "--LONG"),
        *(("run", "small.json", option, "LONG") for option in ("--machine", "--preset", "--set", "--config")),
        *(("run", "small.json", option, "LONG") for option in ("--json", "--out", "--timeline", "--batch")),
        *(
            ("run", "small.json", option, "LONG")
            for option in ("--functional", "--seed", "--only", "--heads")
        ),
        ("run", "small.json", "--set", "rows=LONG"),
        ("run", "small.json", "--set", "LONG=1"),
        ("run", "small.json", "--set", "memory=LONG"),
        ("run", "small.json", "--set", "schedule=LONG"),
        ("run", "small.json", "--set", "dram.mapping=LONG"),
        ("run", "small.json", *(part for n in range(50) for part in ("--set", f"LONG{n}=1"))),
        ("run", "--pattern", "LONG"),
        ("run", "--pattern", "sliding:LONG"),
        ("list", "LONG"),
        ("list", "fields", "LONG"),
        ("list", "fields", "--preset", "LONG"),
        ("reproduce", "LONG"),
    ],
)
def test_an_argument_however_long_is_answered_in_one_short_line_of_plain_characters(
    refused: Callable[..., str], arguments: tuple[str, ...]
) -> None:
    long = "\x1b[31m\x07" + "\xe9" * 5000
    message = refused(*(word.replace("LONG", long) for word in arguments))
    assert message.startswith("tandem") and len(message) <= 301, len(message)
    assert message.removesuffix("\n").isprintable()
