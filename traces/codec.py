"""Reading and writing traces: ``.json``, or gzip when named ``.json.gz``, with arrays beside it in ``.npz``.

Obeys ``tandem-trace/1``. What is read is bounded (`traces.limits`) and checked whole (`traces.validate`);
what is written has the same bytes each time, one tensor or op per line. Arrays are never pickled, and
their digests are part of the trace. Every error is a `TraceError` of one line with the file, the op and the
field.
"""

from __future__ import annotations

import gzip
from codecs import BOM_UTF8
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

import msgspec

from tandemsim.sim.arch.checks import nearest
from tandemsim.sim.shell.files import written
from tandemsim.traces.compact import compacted
from tandemsim.traces.errors import TraceError
from tandemsim.traces.json_text import check_keys
from tandemsim.traces.limits import as_text, check_marks, read_document
from tandemsim.traces.messages import explain
from tandemsim.traces.repeats import Document, OpRepeat, TensorRepeat, expanded
from tandemsim.traces.schema import Trace
from tandemsim.traces.validate import check

SUFFIXES = (".json", ".json.gz")
# Files that become a trace by a command, and what it is.
MADE_BY = {
    ".csv": "a table; make a trace of a topology: python -m traces convert FILE.csv --out FILE.json",
    ".onnx": "an ONNX model; make a trace of it: python -m workloads.onnx FILE.onnx --out FILE.json",
    ".py": "a program; make a trace of its model: python -m workloads.export MODULE:CALLABLE --input SHAPE",
}
HUGGING_FACE = "transformers:"
PLAIN_BYTES = 2**18  # assumed: a document of this size is still read and compared line by line
_DECODER = msgspec.json.Decoder(Document)


def load(path: str | Path) -> Trace:
    """Read and check a trace. Raises `TraceError`."""
    try:
        if Path(path).suffix in MADE_BY and Path(path).exists():
            raise TraceError(f"is {MADE_BY[Path(path).suffix]}")
        return loads(read_document(Path(path)))
    except TraceError as error:
        raise error.located(file=str(path)) from None


def loads(data: bytes, *, file: str = "") -> Trace:
    """Return the trace in a JSON document. `file` is what messages call it."""
    try:
        check_marks(data)
        trace = expanded(_decoded(data))
        check(trace)
    except TraceError as error:
        raise error.located(file=file) from None
    return trace


def _decoded(data: bytes) -> Document:
    refused = check_keys(as_text(data))
    try:
        document = _DECODER.decode(data.removeprefix(BOM_UTF8))
    except (msgspec.DecodeError, RecursionError) as error:
        raise explain(error, as_text(data)) from None
    if refused:
        raise explain(refused, as_text(data))
    return document


def dumps(trace: Trace) -> bytes:
    """Return the JSON document of a trace; if it is larger than `PLAIN_BYTES`, with layers stored once."""
    plain = document_text(trace)
    return plain if len(plain) <= PLAIN_BYTES else document_text(compacted(trace))


def document_text(trace: Trace | Document) -> bytes:
    """Return the JSON of a document, one tensor or op a line."""
    fields = [b'"schema": %s' % _json(trace.schema), b'"digest": %s' % _json(trace.digest)]
    fields.append(b'"source": %s' % _json(trace.source))
    if trace.arrays:
        fields.append(b'"arrays": %s' % _json(trace.arrays))
    fields += [b'"tensors": %s' % _lines(trace.tensors), b'"ops": %s' % _lines(trace.ops)]
    return b"{\n" + b",\n".join(fields) + b"\n}\n"


def save(trace: Trace, path: str | Path) -> None:
    """Check a trace and write it. The file appears whole or not at all.

    Raises `TraceError`, and `FileError` where the system refuses to write.
    """
    check(trace)
    data = dumps(trace)
    if str(path).endswith(".gz"):
        data = gzip.compress(data, mtime=0)  # no time in the header: same trace, same bytes
    with written(path) as stream:
        stream.write(data)


def names() -> list[str]:
    """Return the names of the checked-in traces."""
    return sorted(_stored())


def find(name_or_path: str | Path) -> Path:
    """Return the file of a checked-in trace, or the path itself.

    Raises `TraceError`, naming the nearest traces, for what is neither a name nor looks like a path.
    """
    text = str(name_or_path)
    stored = _stored()
    if text in stored:
        return stored[text]
    path = Path(name_or_path)
    if text.startswith(HUGGING_FACE):
        made = f"python -m workloads.export {text} --out FILE.json"
        raise TraceError(f"{text} is a model; make a trace of it: {made}")
    if text and (text.endswith(SUFFIXES) or path.name != text or _exists(path)):
        return path
    raise TraceError(nearest("trace", text, stored))


def _stored() -> dict[str, Path]:
    """Return the files of the package's data folder by name."""
    folder = Path(str(resources.files("tandemsim.traces"))) / "data"
    files = (file for suffix in SUFFIXES for file in folder.glob(f"*{suffix}"))
    return {file.name.removesuffix(".gz").removesuffix(".json"): file for file in files}


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)


def _lines(items: Iterable[object]) -> bytes:
    return b"[\n" + b",\n".join(map(_line, items)) + b"\n]"


def _line(item: object) -> bytes:
    """Return an item as one line; a repeat as one for each of its items, with one before and one after."""
    if isinstance(item, (TensorRepeat, OpRepeat)):
        return b'["%s",%d,%s]' % (item.word.encode(), item.turns, _lines(item.items))
    return _json(item)
