from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from sim import plot_style, plots
from sim.report import Report
from sim.timeline import Activity


@pytest.fixture(scope="module")
def figures(report: Report, activity: Activity) -> dict[str, Figure]:
    return plots.draw(report, activity)


def shown_texts(figure: Figure) -> list[tuple[str, Bbox]]:
    """Every text that is really drawn, and the rectangle around it, in pixels.

    Asked of the drawing itself: a figure also holds texts that it never shows, such as ticks out of view.
    """
    shown = []

    def record(self: Text, renderer: object) -> None:
        if self.get_visible() and self.get_text().strip():
            shown.append((self.get_text(), Text.get_window_extent(self)))

    with pytest.MonkeyPatch.context() as patch:
        figure.draw_without_rendering()
        patch.setattr(Text, "draw", record)
        patch.setattr(Annotation, "draw", record)
        FigureCanvasAgg(figure).draw()
    return shown


def lengths(figure: Figure, axes: int) -> np.ndarray:
    """Length of the bars at each place, in the order of the places; each begins where the last ended."""
    total: dict[float, float] = {}
    for bar in figure.axes[axes].patches:
        place = round(bar.get_y() + bar.get_height() / 2)
        assert bar.get_x() == pytest.approx(total.get(place, 0))
        total[place] = total.get(place, 0) + bar.get_width()
    return np.array([total[place] for place in sorted(total)])


@pytest.mark.parametrize("layers", [1, 12, 24])
def test_texts_lie_apart_and_inside_the_picture(make_report, make_activity, layers: int) -> None:
    report = make_report(layers)
    for name, figure in plots.draw(report, make_activity(report)).items():
        texts = shown_texts(figure)
        assert len(texts) > 4
        whole = figure.bbox
        for text, box in texts:
            assert Bbox.intersection(box, whole).bounds == pytest.approx(box.bounds), (name, text)
        for (one, box), (other, box_of_other) in combinations(texts, 2):
            assert not box.padded(-1).overlaps(box_of_other.padded(-1)), (name, one, other)


def test_bars_are_as_long_as_the_cycles_of_their_ops(figures, report: Report) -> None:
    assert lengths(figures["cycles"], 0).tolist() == [op.cycles for op in report.ops]
    shares = [100 * (op.cycles - op.compute_cycles) / op.cycles for op in report.ops]
    assert lengths(figures["cycles"], 1) == pytest.approx(shares)


def test_bars_have_the_names_of_their_ops(figures, report: Report) -> None:
    names = [label.get_text() for label in figures["cycles"].axes[0].get_yticklabels()]
    assert names == [op.name for op in report.ops]


def test_bars_of_long_networks_cover_every_cycle_or_say_what_is_missing(make_report) -> None:
    report = make_report(60)
    groups, left_out = plots.bars_of(report)
    assert left_out == 0 and sum(group.cycles for group in groups) == sum(op.cycles for op in report.ops)
    assert len(groups) < 60


def test_points_lie_on_or_under_the_roof(figures, report: Report) -> None:
    (axes,) = figures["roofline"].axes
    points = axes.collections[0].get_offsets()
    assert len(points) == len(report.ops)
    for (intensity, speed), op in zip(points, report.ops, strict=True):
        assert intensity == pytest.approx(op.macs / (op.dram_read_bytes + op.dram_write_bytes))
        assert speed == pytest.approx(op.macs / op.cycles)
        assert speed <= min(1088, 19.2 * intensity)


def test_roof_bends_where_bandwidth_meets_the_multipliers(figures) -> None:
    (axes,) = figures["roofline"].axes
    x, y = axes.lines[0].get_data()
    assert x[1] == pytest.approx(1088 / 19.2)
    assert list(y) == pytest.approx([19.2 * x[0], 1088, 1088])


def test_roof_of_an_ideal_memory_is_flat(make_report) -> None:
    figure = plots.draw(make_report(2, dram_peak_bytes_per_cycle=None))["roofline"]
    assert set(figure.axes[0].lines[0].get_ydata()) == {1088}
    assert not any("B/cycle" in text for text, _ in shown_texts(figure))


def test_area_under_the_utilization_is_the_work_done(figures, report: Report, activity: Activity) -> None:
    values, edges, _ = figures["utilization"].axes[0].patches[0].get_data()
    done = (values * np.diff(edges)).sum() * report.clock_hz * report.multipliers
    assert done == pytest.approx(activity.macs.sum())
    assert edges[-1] == pytest.approx(report.seconds)


def test_energy_bars_are_in_joules(figures, report: Report) -> None:
    parts = (
        report.energy_pj.array,
        report.energy_pj.scratchpad,
        report.energy_pj.dram,
        report.energy_pj.static,
    )
    assert lengths(figures["energy"], 0) == pytest.approx([part * 1e-12 for part in parts])


def test_plots_without_numbers_are_left_out(empty_report: Report, report: Report) -> None:
    assert plots.draw(empty_report) == {}
    assert list(plots.draw(report)) == ["cycles", "roofline", "energy"]


def test_stalls_keep_their_colour_in_every_plot() -> None:
    names = ["dram", "cold_fill", "scratchpad", "drain"]
    assert plot_style.colours(names)["dram"] == plot_style.colours(["dram"])["dram"]
    assert len(set(plot_style.colours(names).values())) == 4
    assert plot_style.COMPUTE not in plot_style.STALLS


def test_the_users_own_style_changes_nothing(report: Report) -> None:
    def energy() -> bytes:
        with plot_style.style():
            figure = plots.energy(report)
        return plot_style.png(figure)

    plain = energy()
    with mpl.rc_context(
        {"font.size": 30, "savefig.dpi": 20, "axes.facecolor": "red", "savefig.bbox": "tight"}
    ):
        assert energy() == plain
