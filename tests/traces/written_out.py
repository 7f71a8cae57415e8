"""Documents with their repeats written out, by the rules of docs/traces.md and none of the package's code."""

import re

MOST_TURNS = 1000  # beyond it, a test has damaged them


class TooManyTurnsError(Exception):
    """More turns than a test writes out."""


MOVING = re.compile(r"\{(\d+)\+(\d+)\}")


def written_out(document):
    """A document without repeats, by the page's rules, in other words than the package's."""

    def turned(value, turn, key=""):
        if key == "name":
            return MOVING.sub(lambda match: str(int(match[1]) + turn * int(match[2])), value)
        if key in ("id", "alias_of"):
            return value[0] + turn * value[1] if isinstance(value, list) else value
        if key in ("inputs", "outputs"):
            return [turned(item, turn, "id") for item in value]
        return value

    result = dict(document)
    for part in ("tensors", "ops"):
        result[part] = []
        for item in document[part]:
            turns, items = (item[1], item[2]) if isinstance(item, list) else (None, [item])
            if turns is not None and turns > MOST_TURNS:
                raise TooManyTurnsError
            for turn in range(turns or 1):
                for one in items:
                    result[part].append(
                        one
                        if turns is None
                        else {key: turned(value, turn, key) for key, value in one.items()}
                    )
    return result
