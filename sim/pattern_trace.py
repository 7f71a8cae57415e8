"""A trace of one attention: of a pattern, or of a few words such as ``--pattern longformer:4096,512``.

The words are those of the constructors of `traces.pattern.Pattern`, whose rules hold here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tandemsim.sim.arch.checks import MAX_INTEGER, ConfigError, nearest, require
from tandemsim.traces.kinds import macs
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.schema import Op, Source, Tensor, Trace
from tandemsim.traces.validate import seal

OP = "attention"  # the name of the one op
KIND = "window_attention"
MAX_GLOBAL_TOKENS = 2**20  # assumed: about as many as a trace's document has room for (traces.limits)


@dataclass(frozen=True, slots=True)
class Form:
    """One kind of pattern: what its numbers are, and how it is made of them and a number of global tokens."""

    numbers: str
    make: Callable[..., Pattern]
    global_tokens: int = 0  # unless another number is asked for
    apart: bool = False  # the model projects queries, keys and values of global tokens apart


def _with_globals(make: Callable[..., Pattern]) -> Callable[..., Pattern]:
    def made(*numbers: int, global_tokens: int) -> Pattern:
        return dataclasses.replace(make(*numbers), global_tokens=tuple(range(global_tokens)))

    return made


def _longformer(seq_len: int, window: int, global_tokens: int) -> Pattern:
    return Pattern.longformer(seq_len, window, range(global_tokens))


def _vil(height: int, width: int, window: int, global_tokens: int) -> Pattern:
    return Pattern.vil(height, width, window, global_tokens)


FORMS = {
    "longformer": Form("TOKENS,WINDOW", _longformer, 1, apart=True),
    "sliding": Form("TOKENS,WINDOW", _with_globals(Pattern.sliding)),
    "dilated": Form("TOKENS,WINDOW,DILATION", _with_globals(Pattern.dilated)),
    "vil": Form("HEIGHT,WIDTH,WINDOW", _vil, 1),
    "strided_sparse": Form("TOKENS,LOCAL,STRIDE", _with_globals(Pattern.strided_sparse)),
    "dense": Form("TOKENS", _with_globals(Pattern.dense)),
    "causal": Form("TOKENS,WINDOW", _with_globals(Pattern.causal_window)),
}
WORDS = ", ".join(f"{kind}:{form.numbers}" for kind, form in FORMS.items())


def pattern_trace(
    text: str,
    heads: int = 1,
    head_dim: int = 64,
    global_tokens: int | None = None,
    kv_heads: int | None = None,
) -> Trace:
    """Return the trace; the first `global_tokens` tokens are global (None: as many as the kind has).

    `kv_heads`: heads of keys and values, each shared by as many heads (None: as many as there are).

    Raises `ConfigError` for words that cannot be read, and `traces.errors.TraceError` for an invalid pattern.
    """
    kind, _, rest = text.partition(":")
    if kind not in FORMS:
        raise ConfigError(nearest("pattern", kind, FORMS))
    form = FORMS[kind]
    words, names = rest.split(","), form.numbers.split(",")
    good = len(words) == len(names) and all(word.isascii() and word.isdecimal() for word in words)
    require(good, f"pattern must be {kind}:{form.numbers}", text)
    numbers = [int(word) if len(word) < 12 else MAX_INTEGER for word in words]
    count = form.global_tokens if global_tokens is None else global_tokens
    _check_sizes(heads=heads, head_dim=head_dim)
    most = min(max(numbers), MAX_GLOBAL_TOKENS)
    require(0 <= count <= most, f"global_tokens must be 0 to {most}", count)
    pattern = form.make(*numbers, global_tokens=count)
    return trace_of(pattern, text, heads, head_dim, global_projections=form.apart, kv_heads=kv_heads)


def trace_of(
    pattern: Pattern,
    name: str,
    heads: int = 1,
    head_dim: int = 64,
    *,
    global_projections: bool = False,
    kv_heads: int | None = None,
) -> Trace:
    """Return the trace of one attention over `pattern`, called `name`.

    `global_projections`: the model projects queries, keys and values of its global tokens apart, as
    Longformer does; without a global token it means nothing. `kv_heads` as in `pattern_trace`. Raises
    `ConfigError` for a size, `TraceError` for a pattern that is too much.
    """
    shared = heads if kv_heads is None else kv_heads
    _check_sizes(heads=heads, head_dim=head_dim, kv_heads=shared)
    require(heads % shared == 0, f"kv_heads must divide the {heads} heads", shared)
    apart = global_projections and bool(pattern.global_tokens)
    query, key = (1, heads, pattern.q_len, head_dim), (1, shared, pattern.seq_len, head_dim)
    shapes = [query, key, key]
    if apart:
        require(shared == heads, "kv_heads goes with heads that project no token apart", shared)
        shapes += [(1, heads, len(pattern.global_tokens), head_dim), key, key]
    tensors = [Tensor(id=i, shape=shape, dtype="float32", role="input") for i, shape in enumerate(shapes)]
    output = Tensor(id=len(tensors), shape=shapes[0], dtype="float32", role="output")
    dims: dict[str, Any] = {"batch": 1, "heads": heads, "head_dim": head_dim, **pattern.dims()}
    dims |= {"kv_heads": shared} if shared < heads else {}
    op = Op(
        id=0,
        kind=KIND,
        name=OP,
        inputs=tuple(tensor.id for tensor in tensors),
        outputs=(output.id,),
        dims=dims,
        attrs=pattern.attrs(),
        macs=macs(KIND, dims, pattern.attrs()),
    )
    stated = {"heads": heads, "head_dim": head_dim, "global_tokens": len(pattern.global_tokens)}
    source = Source(model=name, configuration=stated, exporter="sim.pattern_trace", exporter_version="1")
    return seal(source=source, tensors=[*tensors, output], ops=[op])


def _check_sizes(**sizes: int) -> None:
    for name, value in sizes.items():
        require(0 < value <= MAX_INTEGER, f"{name} must be a positive integer up to {MAX_INTEGER}", value)
