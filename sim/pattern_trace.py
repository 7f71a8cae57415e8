"""A trace of one attention: of a pattern, or of a few words such as ``--pattern longformer:4096,512``.

The words are those of the constructors of `traces.pattern.Pattern`, whose rules hold here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tandemsim.sim.arch.checks import MAX_INTEGER, ConfigError, nearest, require
from tandemsim.traces.kinds import macs
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.pattern_words import describe
from tandemsim.traces.schema import Op, Source, Tensor, Trace
from tandemsim.traces.validate import seal

OP = "attention"  # the name of the one op
KIND = "window_attention"
MAX_FIRST_TOKENS = 2**20  # assumed: about as many as a trace's document has room for (traces.limits)

PLAIN = (
    "global tokens are projected apart in a pattern of all queries, cut off at its ends, and without sinks"
)

#: What goes with a pattern of a few words: options of ``tandem run``, keys of a sweep.
OPTIONS = ("heads", "head_dim", "kv_heads", "global_tokens", "sink_tokens", "queries")


@dataclass(frozen=True, slots=True)
class Form:
    """One kind of pattern: what its numbers are, and how it is made of them and a number of global tokens."""

    numbers: str
    make: Callable[..., Pattern]
    global_tokens: int = 0  # unless another number is asked for
    apart: bool = False  # the model projects queries, keys and values of global tokens apart
    causal: bool = False  # no query sees a key after it


def _with_globals(make: Callable[..., Pattern]) -> Callable[..., Pattern]:
    def made(*numbers: int, global_tokens: int) -> Pattern:
        return replace(make(*numbers), global_tokens=tuple(range(global_tokens)))

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
    "strided_sparse": Form("TOKENS,LOCAL,STRIDE", _with_globals(Pattern.strided_sparse), causal=True),
    "causal": Form("TOKENS,WINDOW", _with_globals(Pattern.causal_window), causal=True),
    "chunked": Form("TOKENS,SIZE", _with_globals(Pattern.chunked), causal=True),
    "neighborhood": Form("HEIGHT,WIDTH,WINDOW", _with_globals(Pattern.neighborhood)),
    "dense": Form("TOKENS", _with_globals(Pattern.dense)),
}
WORDS = ", ".join(f"{kind}:{form.numbers}" for kind, form in FORMS.items())


def pattern_trace(
    text: str,
    heads: int = 1,
    head_dim: int = 64,
    *,
    kv_heads: int | None = None,
    global_tokens: int | None = None,
    sink_tokens: int = 0,
    queries: int | None = None,
) -> Trace:
    """Return the trace of words such as ``longformer:4096,512``.

    `kv_heads` of keys and values are shared by the heads in groups (None: each has its own). The first
    `global_tokens` tokens are global (None: as many as the kind has), the first `sink_tokens` are seen by
    every query. There are as many queries as tokens, or only the last `queries` of them. Raises `ConfigError`
    for words that cannot be read, and `traces.errors.TraceError` for an invalid pattern.
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
    most = min(max(numbers), MAX_FIRST_TOKENS)
    require(0 <= count <= most, f"global_tokens must be 0 to {most}", count)
    require(0 <= sink_tokens <= most, f"sink_tokens must be 0 to {most}", sink_tokens)
    pattern = form.make(*numbers, global_tokens=count)
    if sink_tokens:
        sinks = tuple(range(sink_tokens))
        pattern = replace(pattern, sink_tokens=sinks, causal=form.causal)
    if queries is not None:
        most = pattern.seq_len
        require(0 < queries <= most, f"queries must be 1 to {most}", queries)
        pattern = replace(pattern, q_len=queries, q_offset=most - queries)
    return trace_of(pattern, text, heads, head_dim, kv_heads=kv_heads, global_projections=form.apart)


def trace_of(
    pattern: Pattern,
    name: str,
    heads: int = 1,
    head_dim: int = 64,
    *,
    kv_heads: int | None = None,
    global_projections: bool = False,
) -> Trace:
    """Return the trace of one attention over `pattern`, called `name`.

    `kv_heads`: of keys and values, which the heads share in groups; None: each head has its own.
    `global_projections`: the model projects queries, keys and values of its global tokens apart, as
    Longformer does; without a global token it means nothing. Raises `ConfigError` for a size, and for heads
    or a pattern that go with no such model; `TraceError` for a pattern that is too much.
    """
    _check_sizes(heads=heads, head_dim=head_dim)
    dims: dict[str, Any] = {"batch": 1, "heads": heads, "head_dim": head_dim, **pattern.dims()}
    stated = {"heads": heads, "head_dim": head_dim, "global_tokens": len(pattern.global_tokens)}
    shared = heads if kv_heads is None else kv_heads
    _check_sizes(kv_heads=shared)
    require(heads % shared == 0, f"kv_heads must divide the {heads} heads", shared)
    if shared < heads:
        dims["kv_heads"] = stated["kv_heads"] = shared
    query, key = (1, heads, pattern.q_len, head_dim), (1, shared, pattern.seq_len, head_dim)
    shapes = [query, key, key]
    if global_projections and pattern.global_tokens:
        require(shared == heads, "kv_heads goes with heads that project no token apart", shared)
        require(not pattern.is_extended, PLAIN, describe(pattern))
        shapes += [(1, heads, len(pattern.global_tokens), head_dim), key, key]
    tensors = [Tensor(id=i, shape=shape, dtype="float32", role="input") for i, shape in enumerate(shapes)]
    output = Tensor(id=len(tensors), shape=shapes[0], dtype="float32", role="output")
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
    source = Source(model=name, configuration=stated, exporter="sim.pattern_trace", exporter_version="1")
    return seal(source=source, tensors=[*tensors, output], ops=[op])


def _check_sizes(**sizes: int) -> None:
    for name, value in sizes.items():
        require(0 < value <= MAX_INTEGER, f"{name} must be a positive integer up to {MAX_INTEGER}", value)
