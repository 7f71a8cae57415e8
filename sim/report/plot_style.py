"""How plots look: one palette, one set of fonts and lines, and the two forms in which a figure leaves.

A PNG is for slides and papers: white, with its title. An SVG goes into the HTML report: transparent,
untitled, its text selectable and its colors CSS variables, so that the page turns dark with the reader's
screen. The palette is Okabe and Ito's, which people with any color vision can tell apart.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from tandemsim.sim.report.accounts import STALL
from tandemsim.sim.report.format import clean, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#1a1f26"
MUTED = "#5c6670"
RULE = "#d9dee3"
COMPUTE = "#0072b2"
STALLS = ("#e69f00", "#cc79a7", "#009e73", "#d55e00", "#56b4e9", "#8f8f8f")
# What becomes of multipliers beside useful work and stalls: pairs that do not count, idle ones, phases.
MULTIPLIERS = {
    "masked": "#7b9ccf",
    "idle_columns": "#aebfdd",
    "idle_rows": "#8a7fb4",
    "last_block": "#b9aed6",
    "idle_global": "#d5cde8",
    "exponential_sum": "#5f8f7e",
    "flush": "#96b8a5",
    "drain": "#c3d6c8",
}
CSS = {INK: "ink", MUTED: "muted", RULE: "rule", COMPUTE: "c0"}
CSS |= {c: f"c{i + 1}" for i, c in enumerate(STALLS)} | {
    c: f"m{i + 1}" for i, c in enumerate(MULTIPLIERS.values())
}

WIDTH = 8.0  # inches; a column of text, half a slide
TITLE = "title"
TITLE_WIDTH = 88  # characters
MISSING = "\u25a1"  # in place of what the font has no picture of
PADDING = 0.09  # inches, around the axes and the whole
PNG_DPI = 200  # 1,600 pixels across

_STYLE: Any = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib, so every machine draws the same picture
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a dollar in an op's name is a dollar
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.handlelength": 1.0,
    "legend.handleheight": 1.0,
    "legend.columnspacing": 1.4,
    "legend.borderaxespad": 0,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "tandemsim",  # ids are random without it
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the house's style, whatever the user's own matplotlibrc says."""
    import matplotlib as mpl  # here, because a run without --out needs no plots, and it takes half a second

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def new_figure(height: float, rows: int = 1, cols: int = 1, **grid: Any) -> tuple[Figure, list[Axes]]:
    """Return a figure of `height` inches and its axes, row by row. Call within `style`."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=PADDING, h_pad=PADDING)
    figure = Figure(figsize=(WIDTH, height), layout=layout)
    axes = figure.subplots(rows, cols, squeeze=False, **grid)
    return figure, list(axes.flat)


def set_title(figure: Figure, text: str) -> None:
    figure.suptitle(
        drawable(shortened(text, TITLE_WIDTH)), x=0.012, ha="left", fontsize=11, fontweight="bold", gid=TITLE
    )


def drawable(text: str) -> str:
    """Return `text` in characters that the font has: others would be warned of, and drawn as boxes anyway.

    A font from the reader's machine would have more, and the same run another picture on each.
    """
    text = clean(text)
    if text.isascii():
        return text
    known = _characters()
    return "".join(character if ord(character) in known else MISSING for character in text)


@cache
def _characters() -> frozenset[int]:
    from matplotlib import get_data_path
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf").get_charmap())


def grid_of_bars(*every: Axes) -> None:
    for axes in every:
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)


def engineering(unit: str = "") -> Any:
    """Return a formatter of ticks with SI prefixes."""
    from matplotlib.ticker import EngFormatter

    return EngFormatter(unit)


def png(figure: Figure) -> bytes:
    """Return the figure as a PNG on white, title and all."""
    return _saved(figure, "png", dpi=PNG_DPI, facecolor="white", metadata={"Software": "tandemsim"})


def svg(figure: Figure, name: str) -> str:
    """Return the figure as an inline SVG for a page that has the variables of `CSS`.

    Ids begin with `name`, which is to be the figure's own in that page.
    """
    for text in figure.texts:
        if text.get_gid() == TITLE:  # the page has it in a heading
            text.set(visible=False, in_layout=False)
    metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    return _inline(_saved(figure, "svg", transparent=True, metadata=metadata).decode(), name)


def _saved(figure: Figure, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    with style():
        figure.savefig(stream, format=kind, **options)
    return stream.getvalue()


def _inline(text: str, name: str) -> str:
    """Strip what only a file of its own needs, make ids the page's own, and colors its variables."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = text.replace("xlink:href", "href")
    text = re.sub(r' d="[^"]*"', _rounded, text)
    text = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{name}-", text)
    text = re.sub(r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", r"<svg \1>", text, count=1)
    for color, variable in CSS.items():
        text = text.replace(color, f"var(--{variable})")
    return re.sub(r"\n\s*", "\n", text).strip()


def _rounded(path: re.Match[str]) -> str:
    """A path to the hundredth of a point: half the bytes, and no eye sees the difference."""
    return re.sub(r"(\.\d\d)\d+", r"\1", path[0])


def colors(names: Sequence[str]) -> dict[str, str]:
    """Return a color for each stall, in the order of the names; beyond the palette they repeat."""
    return {name: STALLS[place % len(STALLS)] for place, name in enumerate(names)}


def multiplier_colors(names: Sequence[str], stalls: Sequence[str]) -> dict[str, str]:
    """Return a color for what becomes of multipliers' cycles; those of stalls are as everywhere."""
    known = {"useful": COMPUTE, **MULTIPLIERS}
    known |= {f"{STALL}{name}": color for name, color in colors(stalls).items()}
    return {name: known.get(name, MUTED) for name in names}
