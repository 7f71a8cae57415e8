"""Reading and writing: the same trace, the same bytes, whole or not at all."""

import gzip
import json
import os
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.sim.shell.files import FileError
from tandemsim.traces.arrays import array_info, load_arrays, npz_path, save_arrays
from tandemsim.traces.codec import dumps, find, load, loads, names, save
from tandemsim.traces.errors import TraceError
from tandemsim.traces.schema import Source, Tensor
from tandemsim.traces.validate import digest_of, seal


@pytest.mark.parametrize("name", ["x.json", "x.json.gz"])
def test_what_is_written_is_read(small, tmp_path, name):
    save(small, tmp_path / name)
    assert load(tmp_path / name) == small
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["x.json", "x.json.gz"])
def test_same_trace_gives_the_same_bytes(small, tmp_path, name):
    save(small, tmp_path / name)
    first = (tmp_path / name).read_bytes()
    os.utime(tmp_path / name, (0, 0))
    save(load(tmp_path / name), tmp_path / name)
    assert (tmp_path / name).read_bytes() == first


def test_gzip_holds_the_same_document(small, tmp_path):
    save(small, tmp_path / "x.json.gz")
    assert gzip.decompress((tmp_path / "x.json.gz").read_bytes()) == dumps(small)


def test_document_has_one_op_a_line(small):
    lines = dumps(small).decode().splitlines()
    assert sum(line.startswith('{"id":') for line in lines) == len(small.ops) + len(small.tensors)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(), json_values, max_size=4), st.text(), st.lists(st.integers(1, 9), max_size=4)
)
def test_any_configuration_survives(configuration, name, shape):
    source = Source(model=name, configuration=configuration, exporter="tests", exporter_version="1")
    tensor = Tensor(id=0, shape=tuple(shape), dtype="int8", role="weight", name=name)
    trace = seal(source=source, tensors=[tensor], ops=[])
    assert loads(dumps(trace)) == trace


def test_digest_is_that_of_the_sorted_compact_document(small, resealed):
    document = json.loads(dumps(small))
    assert json.loads(resealed(document))["digest"] == small.digest == digest_of(small)


def test_digest_does_not_depend_on_the_layout(small):
    document = json.loads(dumps(small))
    backwards = dict(reversed(document.items()))
    assert loads(json.dumps(backwards, indent=3).encode()) == small


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"x", {3: 4}, object()])
def test_configuration_that_is_no_json_is_refused(value):
    source = Source(model="x", configuration={"a": [value]}, exporter="tests", exporter_version="1")
    with pytest.raises(TraceError, match=r"^source.configuration.a\[0\] must "):
        seal(source=source, tensors=[], ops=[])


def test_tuples_become_lists():
    source = Source(model="x", configuration={"a": (1, 2)}, exporter="tests", exporter_version="1")
    assert seal(source=source, tensors=[], ops=[]).source.configuration == {"a": [1, 2]}


def test_stored_traces_are_found_by_name_and_valid():
    assert {
        "longformer",
        "longformer-large",
        "longformer-16k",
        "vil-tiny",
        "vil-small",
        "vil-medium-wide",
    } <= set(names())
    for name in names():
        assert load(find(name)).source.model == name


def test_stored_trace_has_the_bytes_that_it_would_be_saved_with(tmp_path):
    for name in names():
        save(load(find(name)), tmp_path / find(name).name)
        assert (tmp_path / find(name).name).read_bytes() == find(name).read_bytes()


def test_unknown_name_names_the_nearest():
    with pytest.raises(TraceError, match=r"^unknown trace 'longfomer'; did you mean 'longformer'"):
        find("longfomer")


@pytest.mark.parametrize("path", ["nothing.json", "folder/longformer", "x.json.gz"])
def test_path_that_is_not_there_is_said_so(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TraceError) as caught:
        load(find(path))
    assert str(caught.value) == f"{path}: cannot be read: No such file or directory"


def test_folder_is_no_trace(tmp_path):
    with pytest.raises(TraceError, match="cannot be read: Is a directory"):
        load(tmp_path)


def test_save_refuses_a_trace_whose_digest_is_stale(small, tmp_path):
    import msgspec

    stale = msgspec.structs.replace(small, ops=small.ops[:-1])
    with pytest.raises(TraceError, match="digest"):
        save(stale, tmp_path / "x.json")
    assert list(tmp_path.iterdir()) == []


def test_failed_write_leaves_the_old_file(small, tmp_path, monkeypatch):
    target = tmp_path / "x.json"
    target.write_text("old")

    def full(old, new):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(FileError, match=r"^cannot write '.*x.json': No space left on device$"):
        save(small, target)
    assert target.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_folder_that_is_not_there_is_said_so(small, tmp_path):
    with pytest.raises(FileError, match=r"^cannot write '.*no/x.json': No such file or directory$"):
        save(small, tmp_path / "no" / "x.json")


def test_a_file_that_is_replaced_keeps_its_mode(small, tmp_path):
    target = tmp_path / "x.json"
    target.write_text("old")
    target.chmod(0o640)
    save(small, target)
    assert load(target) == small and target.stat().st_mode & 0o777 == 0o640


def test_pipe_is_written_in_place(small, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    save(small, pipe)
    reader.join()
    assert read == [dumps(small)] and pipe.is_fifo()


def test_link_stays_a_link(small, tmp_path):
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "link.json").symlink_to("real.json")
    save(small, tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink() and load(tmp_path / "real.json") == small


def test_new_file_has_the_usual_permissions(small, tmp_path):
    (tmp_path / "plain").write_text("")
    save(small, tmp_path / "x.json")
    assert (tmp_path / "x.json").stat().st_mode == (tmp_path / "plain").stat().st_mode


class TestArrays:
    def test_what_is_written_is_read(self, small, scales, tmp_path):
        save_arrays(small, scales, tmp_path / "x.json.gz")
        read = load_arrays(small, tmp_path / "x.json")
        assert list(read) == ["scales"]
        assert read["scales"].dtype == np.float32 and (read["scales"] == scales["scales"]).all()

    def test_same_arrays_give_the_same_bytes(self, small, scales, tmp_path):
        save_arrays(small, scales, tmp_path / "x.json")
        save_arrays(small, scales, tmp_path / "y.json")
        assert npz_path(tmp_path / "x.json").read_bytes() == npz_path(tmp_path / "y.json").read_bytes()

    def test_edited_array_is_refused(self, small, scales, tmp_path):
        np.savez(tmp_path / "x.npz", scales=scales["scales"] + 1)
        with pytest.raises(TraceError, match=r"x.npz: scales is not the array that the trace names$"):
            load_arrays(small, tmp_path / "x.json")

    def test_other_arrays_are_refused(self, small, scales, tmp_path):
        np.savez(tmp_path / "x.npz", scale=scales["scales"])
        with pytest.raises(TraceError, match=r"x.npz: must hold the arrays scales, not scale$"):
            load_arrays(small, tmp_path / "x.json")

    def test_pickled_array_is_refused(self, small, tmp_path):
        np.savez(tmp_path / "x.npz", scales=np.array([{}], object))
        with pytest.raises(TraceError, match=r"x.npz: scales must hold numbers, not Python objects$"):
            load_arrays(small, tmp_path / "x.json")

    def test_array_of_objects_is_refused(self):
        with pytest.raises(TraceError, match=r"^arrays must hold numbers, not object$"):
            array_info(np.array([{}], object))

    @pytest.mark.parametrize("cut", [0, 1, 30, -1])
    def test_truncated_file_is_refused(self, small, scales, tmp_path, cut):
        save_arrays(small, scales, tmp_path / "x.json")
        whole = (tmp_path / "x.npz").read_bytes()
        (tmp_path / "x.npz").write_bytes(whole[:cut])
        with pytest.raises(TraceError, match=r"x.npz: is not an .npz, the zip file of arrays "):
            load_arrays(small, tmp_path / "x.json")

    def test_byte_order_does_not_matter(self, scales):
        assert array_info(scales["scales"].astype(">f4")) == array_info(scales["scales"])
