"""What a command may leave in the folders that it works in: the files it was told to write, each whole."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

OPTIONS = ("--json", "--timeline", "--out")
FOLDER_FILES = {"report.json", "report.html", "ops.parquet", "timeline.json.gz"}

Content = dict[Path, "bytes | None"]


def content(folder: Path) -> Content:
    """Return every path below a folder with what a regular file holds; None for all else."""
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def targets(place: Path, program: str, words: Sequence[str]) -> dict[Path, str]:
    """Return the paths that a command line names as outputs, with the option that does, as ``sim --out``."""
    found = {}
    for word, following in itertools.pairwise([*words, ""]):
        option, equals, value = word.partition("=")
        value = value if equals else following
        if option in OPTIONS and value not in ("-", "") and "\0" not in value:
            found[(place / value).resolve()] = f"{program} {option}"
    return found


def faults(before: Content, after: Content, named: Mapping[Path, str]) -> Iterator[str]:
    """Yield what was changed, made or removed and is neither named nor whole."""
    for path in before.keys() - after.keys():
        yield f"removed {path.name!a}"
    for path, data in after.items():
        if path in before and before[path] == data:
            continue
        option = next((named[place] for place in (path, *path.parents) if place in named), None)
        if option is None:
            yield f"left {path.name!a}"
        elif data is None:
            if option == "sim --out" and path in named:
                missing = FOLDER_FILES - {file.name for file in after if file.parent == path}
                if missing:
                    yield f"left a folder without {', '.join(sorted(missing))}"
        elif not _is_whole(path, data):
            yield f"left half of {path.name!a}"


def _is_whole(path: Path, data: bytes) -> bool:
    """Whether JSON, packed or not, ends where it should; of other files, whether there is something."""
    try:
        if path.name.endswith(".gz"):
            data = gzip.decompress(data)
        if ".json" in path.suffixes:
            json.loads(data)
    except (ValueError, EOFError, OSError):
        return False
    return bool(data)
