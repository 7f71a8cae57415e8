"""Sizes first: nothing of a file is in memory beyond the limit, whatever kind of file it is."""

import contextlib
import gzip
import json
import os
import re
import subprocess
import sys
import threading
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.traces.codec import dumps, load, loads
from tandemsim.traces.errors import TraceError
from tandemsim.traces.json_text import MAX_DEPTH, check_keys, find_fault, is_too_deep, path_text
from tandemsim.traces.limits import MAX_BYTES, MAX_MARKS, MAX_MEMBERS, MIB, as_text, read_document

TOO_LARGE = r": must hold at most 16 MiB, and is larger$"
#: The peak of a process by itself; `ru_maxrss` would begin with that of the process that starts it.
PEAK = "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])"
COMMAND = f"import sys; from tandemsim.traces.__main__ import main; print(main(sys.argv[1:])); {PEAK}"


def peak_of(*words, program=COMMAND):
    """What a command in a process of its own says on stderr, its exit code, and the MiB that it takes."""
    run = [sys.executable, "-c", program, *map(str, words)]
    done = subprocess.run(run, capture_output=True, text=True, check=True, timeout=120)
    code, peak_kib = done.stdout.splitlines()[-2:]
    return done.stderr, int(code), int(peak_kib) / 1024


def bomb(path, mib):
    """A gzip file of so many MiB of zeros."""
    packer = zlib.compressobj(9, wbits=31)
    with path.open("wb") as stream:
        for _ in range(mib):
            stream.write(packer.compress(bytes(MIB)))
        stream.write(packer.flush())


@pytest.mark.parametrize("name", ["x.json", "x.json.gz", "x.csv"])
@pytest.mark.parametrize("kind", ["device", "sparse file", "bomb"])
def test_what_is_too_large_is_refused_before_it_is_read(tmp_path, name, kind):
    path = tmp_path / name
    if kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "bomb":
        bomb(path, 1024)
    else:
        path.touch()
        os.truncate(path, 2**40)
    words = ["convert", path, "--out", tmp_path / "out.json"] if name == "x.csv" else [path]
    message, code, peak = peak_of(*words)
    assert code == 2 and len(message.splitlines()) == 1 and peak < 300
    small_bomb = kind == "bomb" and not name.endswith(".gz")  # one MiB of what is not text
    assert ("must hold at most" in message) != small_bomb
    assert not (tmp_path / "out.json").exists()


def test_a_pipe_without_an_end_is_refused(tmp_path):
    pipe = tmp_path / "x.json"
    os.mkfifo(pipe)

    def feed():
        with pipe.open("wb", buffering=0) as stream, contextlib.suppress(BrokenPipeError):
            while True:
                stream.write(b" " * MIB)

    writer = threading.Thread(target=feed)
    writer.start()
    with pytest.raises(TraceError, match=TOO_LARGE):
        load(pipe)
    writer.join()


@pytest.mark.parametrize("name", ["x.json", "x.json.gz"])
def test_the_limit_is_the_last_size_that_is_read(small, tmp_path, name):
    document = dumps(small)
    for size, fits in ((MAX_BYTES, True), (MAX_BYTES + 1, False)):
        data = document + b" " * (size - len(document))
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        if fits:
            assert load(tmp_path / name) == small
        else:
            with pytest.raises(TraceError, match=TOO_LARGE):
                load(tmp_path / name)


def test_gzip_in_pieces_and_padded_is_read(small, tmp_path):
    document = dumps(small)
    pieces = [gzip.compress(document[:100]), gzip.compress(b""), gzip.compress(document[100:]), bytes(4096)]
    (tmp_path / "x.json.gz").write_bytes(b"".join(pieces))
    assert load(tmp_path / "x.json.gz") == small


def test_gzip_in_more_pieces_than_anybody_writes_is_refused(tmp_path):
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"") * (MAX_MEMBERS + 1))
    with pytest.raises(TraceError, match="must be at most 64 pieces of gzip"):
        read_document(tmp_path / "x.gz")


@given(st.binary(max_size=300), st.integers(0, 299), st.integers(0, 255))
def test_a_damaged_gzip_file_is_read_as_it_was_or_refused(tmp_path_factory, data, place, byte):
    packed = bytearray(gzip.compress(data, mtime=0))
    packed[place % len(packed)] = byte
    path = tmp_path_factory.mktemp("damaged") / "x.gz"
    path.write_bytes(packed)
    found = None
    with contextlib.suppress(TraceError):
        found = read_document(path)
    assert found in (None, data)  # a byte of the header's time or system is nobody's loss


#: The costliest values for their length, as the list of an op's attribute.
COSTLY = {
    "empty lists": b"[]",
    "empty objects": b"{}",
    "objects of one": b'{"a":1}',
    "texts": '"\u4e00\u4e01"'.encode(),
    "wide texts": '"\U0001f600"'.encode(),
    "numbers": b"1.5",
    "integers": b"12345",
    "lists of one": b"[7]",
}


@pytest.mark.parametrize("value", COSTLY)
def test_the_costliest_documents_stay_below_300_mib(tmp_path, small, value):
    item = COSTLY[value]
    document = dumps(small)
    marks = sum(map(document.count, (b",", b":", b"[", b"{")))
    each = 1 + sum(map(item.count, (b",", b":", b"[", b"{")))
    count = min((MAX_MARKS - marks - 8) // each, (MAX_BYTES - len(document) - 99) // (len(item) + 1))
    costly = document.replace(b'"scale":0.5', b'"scale":[%s]' % b",".join([item] * count))
    assert len(costly) > len(document)
    (tmp_path / "x.json").write_bytes(costly)
    message, code, peak = peak_of(tmp_path / "x.json")
    assert code == 2 and "digest is not that of the content" in message
    assert peak < 300


#: Turns of a repeat as costly as the bound lets through: ops, tensors with a name of their own, long lists.
ITEM = {"id": [1, 1], "shape": [], "dtype": "int8", "role": "input"}
COSTLY_TURNS = {
    "tensors": (MAX_MARKS // 11, ITEM),
    "names": (MAX_MARKS // 13, ITEM | {"name": "{1+1}"}),
    "many names": (200, ITEM | {"name": "{1+1}" * 16_000}),
    "shapes": (20, ITEM | {"shape": [1] * 70_000}),
}


@pytest.mark.parametrize("what", COSTLY_TURNS)
def test_the_costliest_turns_stay_below_300_mib(tmp_path, small, what):
    turns, item = COSTLY_TURNS[what]
    for times, said in ((1, "digest is not that of the content"), (2, "turns must keep the whole within")):
        document = json.loads(dumps(small)) | {"tensors": [["repeat", times * turns, [item]]], "ops": []}
        (tmp_path / "x.json").write_text(json.dumps(document, separators=(",", ":")))
        message, code, peak = peak_of(tmp_path / "x.json")
        assert code == 2 and said in message
        assert peak < 300


def test_a_trillion_turns_are_refused_before_any_is_made(tmp_path, small):
    """Also of items that take nothing, and where each repeat alone would fit."""
    tensors = [["repeat", 2**31 - 1, [ITEM | {"id": 0}]]]
    many = [["repeat", 20_000, [ITEM | {"id": [at * 20_000, 1]}]] for at in range(9)]
    for repeats, place in ((tensors, 0), (many, 7)):
        document = json.loads(dumps(small)) | {"tensors": repeats, "ops": []}
        (tmp_path / "x.json").write_text(json.dumps(document))
        message, code, peak = peak_of(tmp_path / "x.json")
        assert code == 2 and f"tensors[{place}]: turns must keep the whole within" in message
        assert peak < 60


def test_more_values_than_are_decoded_are_refused(tmp_path):
    (tmp_path / "x.json").write_bytes(b"[" + b"1," * MAX_MARKS + b"1]")
    message, code, peak = peak_of(tmp_path / "x.json")
    rule = f"must hold at most {MAX_MARKS} commas, colons and opening brackets, not {MAX_MARKS + 1}"
    assert (code, message.endswith(f"x.json: {rule}\n")) == (2, True) and peak < 100


class TestEncodings:
    def test_a_mark_of_byte_order_is_no_part_of_the_document(self, small):
        assert loads(b"\xef\xbb\xbf" + dumps(small)) == small

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
    def test_another_encoding_is_named(self, small, encoding):
        with pytest.raises(TraceError, match=f"must be text in UTF-8, not {encoding[:6].upper()}$"):
            loads(dumps(small).decode().encode(encoding))

    @given(st.binary(max_size=40))
    def test_bytes_are_text_or_refused(self, data):
        try:
            text = as_text(data)
        except TraceError:
            return
        assert text.encode() == data.removeprefix(b"\xef\xbb\xbf")


values = st.recursive(
    st.integers() | st.text() | st.none() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=9,
)


class TestKeys:
    @given(values)
    def test_no_key_twice_is_no_fault(self, value):
        assert check_keys(json.dumps(value)) is None and find_fault(json.dumps(value)) is None

    @given(values, st.data())
    def test_a_key_that_stands_twice_is_found_wherever_it_is(self, value, data):
        wrapped = [{"a": value, "b": [value]}]
        text = json.dumps(wrapped)
        keys = [place for place in range(len(text)) if text.startswith('"a": ', place)]
        place = data.draw(st.sampled_from([place for place in keys if _outside_text(text, place)]))
        twice = f'{text[:place]}"a": 0, {text[place:]}'
        assert check_keys(twice) is not None
        fault = find_fault(twice)
        assert fault.rule == "must be stated once, not twice" and fault.path[-1] == "a"

    def test_op_and_field_are_named(self, small):
        twice = dumps(small).replace(b'"n":6,', b'"n":6,"n":6,')
        with pytest.raises(TraceError) as caught:
            loads(twice, file="x.json")
        assert str(caught.value) == "x.json: op 3 'layer.3': dims.n must be stated once, not twice"

    @pytest.mark.parametrize("field", [b'"ops": ', b'"digest": ', b'"source": '])
    def test_a_field_of_the_whole_is_named(self, small, field):
        twice = dumps(small).replace(field, field + b"[], " + field)
        with pytest.raises(TraceError, match=f"^{field.decode()[1:-3]} must be stated once, not twice$"):
            loads(twice)

    def test_keys_are_compared_as_they_are_read(self, small):
        with pytest.raises(TraceError, match="dims.n must be stated once"):
            loads(dumps(small).replace(b'"n":6,', b'"n":6,"\\u006e":6,'))


def _outside_text(text, place):
    return re.sub(r"\\.", "", text[:place]).count('"') % 2 == 0


class TestNumbers:
    @pytest.mark.parametrize("number", ["1e999", "-1e400", "1" * 400 + ".5", "9" * 5000])
    def test_a_number_without_end_is_named_with_its_place(self, small, number):
        with pytest.raises(TraceError) as caught:
            loads(dumps(small).replace(b'"scale":0.5', b'"scale":' + number.encode()))
        wanted = "op 7 'layer.7': attrs.scale must be a number below 1e308, not "
        assert str(caught.value).startswith(wanted + number[:5])


class TestDepth:
    @given(st.integers(0, 80), st.booleans())
    def test_depth_is_counted(self, depth, as_object):
        value = 0
        for _ in range(depth):
            value = {"a": value} if as_object else [value]
        assert is_too_deep(value) == (depth > MAX_DEPTH)

    @pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 500, 5000, 200_000])
    @pytest.mark.parametrize("opening, closing", [(b"[", b"]"), (b'{"a":', b"}")])
    def test_op_and_field_are_named_at_any_depth(self, small, resealed, depth, opening, closing):
        text = dumps(small).replace(b'"scale":0.5', b'"scale":' + opening * depth + b"1" + closing * depth)
        if depth <= 500:
            text = resealed(json.loads(text))
        with pytest.raises(TraceError) as caught:
            loads(text)
        assert str(caught.value).startswith("op 7 'layer.7': attrs.scale")
        assert str(caught.value).endswith(f" must be nested at most {MAX_DEPTH} deep")

    def test_depth_of_the_limit_is_read(self, small, resealed):
        text = dumps(small).replace(b'"scale":0.5', b'"scale":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
        assert loads(resealed(json.loads(text))).ops[7].attrs["scale"]

    def test_brackets_in_texts_are_no_depth(self, small, resealed):
        document = json.loads(dumps(small))
        document["source"]["model"] = '[{\\"' * 1000
        assert loads(resealed(document)).source.model == '[{\\"' * 1000


def test_a_path_is_written_as_messages_have_it():
    assert path_text(("ops", 3, "dims", "m")) == "ops[3].dims.m"
    assert path_text((0, "a")) == "[0].a"


def test_the_measure_can_fail():
    assert 400 < peak_of(program=f"x = b'x' * (400 << 20); print(0); {PEAK}")[2] < 450
