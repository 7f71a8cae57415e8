"""How tensors are to be quantized: which formats compete, how many bits, and what has a scale of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tandemsim.sim.arch.blocks import BLOCK_FORMATS, BlockFormat
from tandemsim.sim.arch.checks import ConfigError, nearest, require, require_integers
from tandemsim.sim.arch.codes import FORMATS, MAX_BITS, MIN_BITS, CodeFormat, Kind, code_format
from tandemsim.sim.quantize.candidates import CANDIDATES, formats_of
from tandemsim.sim.quantize.scales import ARTIFACT, STORES, Span

CHANNEL, TENSOR = "channel", "tensor"
ESCALATED_BITS = 8


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The formats that a tensor may take, and its scales. One of `kinds` and `form` counts."""

    kinds: tuple[Kind, ...] = CANDIDATES["IP-F"]  # what the paper ships
    form: CodeFormat | BlockFormat | None = None  # one format for all, instead of a choice among `kinds`
    bits: int = 4  # of one of `kinds`
    per: str = CHANNEL  # what has a scale of its own in a weight; an activation always has one
    span: Span = ARTIFACT
    store: str = "float32"  # of a scale
    near: bool = False  # of blocks: the best scale near that of their rule, instead of the rule's

    def __post_init__(self) -> None:
        require_integers(self, MIN_BITS, "bits", maximum=MAX_BITS)
        require(self.per in (CHANNEL, TENSOR), f"Rule.per must be {CHANNEL} or {TENSOR}", self.per)
        require(self.store in STORES, f"Rule.store must be {', '.join(STORES)}", self.store)
        if isinstance(self.form, CodeFormat):
            rule = "Rule.form must be signed, as weights are; activations drop the sign by themselves"
            require(self.form.signed, rule, self.form.name)
        require(bool(self.kinds), "Rule.kinds must name a type", self.kinds)

    def formats(self, signed: bool) -> Sequence[CodeFormat]:
        """Return the formats that compete. Of a given one that is not a float, the sign is left out if there
        are no negative values, as the artifact does.
        """
        assert not isinstance(self.form, BlockFormat)
        if self.form is None:
            return formats_of(self.kinds, self.bits, signed)
        if self.form.kind is Kind.FLOAT:
            return [self.form]
        return [replace(self.form, signed=signed)]

    def escalated(self) -> Rule:
        """Return the rule for what is given 8 bits: integers; in blocks where the others are in blocks."""
        if isinstance(self.form, BlockFormat):
            return replace(self, form=BLOCK_FORMATS["mxint8"])
        return replace(self, form=None, kinds=(Kind.INT,), bits=ESCALATED_BITS)


def named(name: str) -> CodeFormat | BlockFormat:
    """Return a format by its name: one of `sim.arch.codes` or of `sim.arch.blocks`. Raises `ConfigError`."""
    if name in BLOCK_FORMATS:
        return BLOCK_FORMATS[name]
    try:
        return code_format(name)
    except ConfigError as error:
        if "bits" in str(error):
            raise
        raise ConfigError(nearest("number format", name, [*FORMATS, *BLOCK_FORMATS])) from None
