import dataclasses
from itertools import combinations
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from tandemsim.sim.report import plot_style, plots
from tandemsim.sim.report.accounts import MULTIPLIER_CYCLES, STALL
from tandemsim.sim.report.activity import Activity
from tandemsim.sim.report.contract import Report


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
    assert lengths(figures["cycles"], 0).tolist() == [report.cycles]
    assert lengths(figures["cycles"], 1) == pytest.approx([100 - 100 * report.compute_cycles / report.cycles])


def test_ops_that_are_alike_are_one_bar_under_one_name(figures, report: Report) -> None:
    for name in ("cycles", "multipliers"):
        (bar,) = [label.get_text() for label in figures[name].axes[0].get_yticklabels()]
        assert bar.startswith("encoder.layer.0-") and bar.endswith("(all 12)")


def test_small_stalls_look_small_and_carry_their_number(figures, make_report, make_op) -> None:
    stalls = figures["cycles"].axes[1]
    assert stalls.get_xlim() == (0, 10)  # of 0.7 %
    assert [text.get_text() for text in stalls.texts] == ["0.7 %"]
    assert [plots._scale(share) for share in (0, 8, 8.1, 40, 80, 100)] == [10, 10, 20, 50, 100, 125]


def test_bars_of_multipliers_are_whole_and_in_the_parts_of_the_account(figures, report: Report) -> None:
    assert lengths(figures["multipliers"], 0) == pytest.approx([100])
    whole = report.cycles * report.multipliers
    widths = [bar.get_width() for bar in figures["multipliers"].axes[0].patches]
    assert widths == pytest.approx([100 * n / whole for n in report.multiplier_cycles.values() if n])


def test_every_part_of_an_account_has_a_color_of_its_own() -> None:
    names = [*MULTIPLIER_CYCLES, *(f"{STALL}{name}" for name in "abcdef")]
    found = plot_style.multiplier_colors(names, list("abcdef"))
    assert list(found) == names and len(set(found.values())) == len(names)
    assert found["stall_c"] == plot_style.colors(list("abcdef"))["c"]


def test_bars_of_long_networks_cover_every_cycle_or_say_what_is_missing(make_report) -> None:
    report = make_report(60)
    groups, left_out = plots.bars_of(report)
    assert left_out == 0 and sum(group.cycles for group in groups) == sum(op.cycles for op in report.ops)
    assert len(groups) < 60


def different(make_report, make_op) -> Report:
    """Two ops that are not alike, one of them slow."""
    fast = make_op(1, name="fast.attention")
    slow = dataclasses.replace(fast, name="slow.attention", start_cycle=fast.cycles, macs=fast.macs // 4)
    both = ("cycles", "compute_cycles")
    run = {name: 2 * getattr(fast, name) for name in both}
    stalls = {name: 2 * cycles for name, cycles in fast.stall_cycles.items()}
    return make_report(1, ops=(fast, slow), stall_cycles=stalls, **run)


def test_points_lie_on_or_under_the_roof(make_report, make_op) -> None:
    report = different(make_report, make_op)
    (axes,) = plots.draw(report)["roofline"].axes
    points, ring = (collection.get_offsets() for collection in axes.collections)
    for (intensity, speed), op in zip(points, report.ops, strict=True):
        assert intensity == pytest.approx(op.macs / (op.dram_read_bytes + op.dram_write_bytes))
        assert speed == pytest.approx(op.macs / op.cycles)
        assert speed <= min(1088, 19.2 * intensity)
    moved = sum(op.dram_bytes for op in report.ops)
    assert ring[0].tolist() == pytest.approx([report.macs / moved, report.macs / report.cycles])
    assert "the whole run" in [text.get_text() for text in axes.texts]


def test_ops_that_are_alike_are_one_point_and_need_no_ring(figures, report: Report) -> None:
    (points,) = figures["roofline"].axes[0].collections
    moved = sum(op.dram_bytes for op in report.ops)
    assert points.get_offsets().tolist() == [
        pytest.approx([report.macs / moved, report.macs / report.cycles])
    ]


@pytest.mark.parametrize("intensity", [4, 7, 12, 20, 35, 60, 200])
@pytest.mark.parametrize("share", [0.6, 0.999])
def test_names_in_the_roofline_stay_off_the_roof(make_report, make_op, share: float, intensity: int) -> None:
    op = make_op(1, name="x" * 40)
    speed = share * min(1088, 19.2 * intensity)
    macs = int(speed * op.cycles)
    op = dataclasses.replace(op, macs=macs, dram_read_bytes=macs // intensity, dram_write_bytes=0)
    run = {name: getattr(op, name) for name in ("cycles", "compute_cycles", "stall_cycles")}
    figure = plots.draw(make_report(1, ops=(op,), **run))["roofline"]
    figure.draw_without_rendering()
    (axes,) = figure.axes
    for text in axes.texts:
        if text.get_text().startswith("x"):
            box = text.get_window_extent()
            left = axes.transData.inverted().transform((box.x0, box.y1))[0]
            roof = axes.transData.transform((left, min(1088, 19.2 * left)))[1]
            assert box.y1 < roof - 2


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


def test_of_several_engines_the_time_in_which_each_works_is_drawn(report: Report, activity: Activity) -> None:
    bins = len(activity.macs)
    busy = {"array": np.full(bins, activity.bin_cycles / 2), "vector": np.zeros(bins), "third": np.ones(bins)}
    figure = plots.draw(report, dataclasses.replace(activity, busy=busy))["utilization"]
    axes = figure.axes[2]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(busy)
    for patch, cycles in zip(axes.patches, busy.values(), strict=True):
        values, edges, baseline = patch.get_data()
        worked = ((values - baseline) * np.diff(edges)).sum() * report.clock_hz
        assert worked == pytest.approx(cycles.sum(), rel=0.01)  # the last bin is cut off
        assert axes.get_ylim()[0] <= baseline and values.max() <= axes.get_ylim()[1]


def test_energy_bars_are_in_joules(make_report) -> None:
    report = make_report()
    parts = report.energy_pj.parts.values()
    assert lengths(plots.draw(report)["energy"], 0) == pytest.approx([part * 1e-12 for part in parts])


def test_actions_stand_below_their_part_and_sum_to_it(figures, report: Report) -> None:
    bars = lengths(figures["energy"], 0)
    names = [label.get_text() for label in figures["energy"].axes[0].get_yticklabels()]
    assert names[:4] == ["array", "multiply", "registers", "scratchpad"]
    assert bars[0] == pytest.approx(bars[1] + bars[2]) == pytest.approx(report.energy_pj.array * 1e-12)


def test_ops_and_heads_are_marked_on_the_axis_of_time(report: Report, activity: Activity) -> None:
    heads = np.arange(24) * (report.cycles // 24)
    figure = plots.draw(report, dataclasses.replace(activity, heads=heads))["utilization"]
    for axes in figure.axes:
        lines = [line.get_xdata()[0] for line in axes.lines if line.get_label() == "_op"]
        assert lines == pytest.approx([op.start_cycle / report.clock_hz for op in report.ops])
    (ticks,) = [found for found in figure.axes[0].collections if found.get_label() == "_heads"]
    assert [path.vertices[0][0] for path in ticks.get_paths()] == pytest.approx(heads / report.clock_hz)


def test_too_many_heads_are_not_marked(report: Report, activity: Activity) -> None:
    figure = plots.draw(report, dataclasses.replace(activity, heads=np.arange(500)))["utilization"]
    assert [found for found in figure.axes[0].collections if found.get_label() == "_heads"] == []


def test_ops_have_their_names_above_the_axis_where_those_fit(make_report, make_op, make_activity) -> None:
    report = different(make_report, make_op)
    texts = [text for text, _ in shown_texts(plots.draw(report, make_activity(report))["utilization"])]
    assert {"fast.attention", "slow.attention"} <= set(texts)
    many = make_report(12)
    texts = [text for text, _ in shown_texts(plots.draw(many, make_activity(many))["utilization"])]
    assert {str(number) for number in range(1, 13)} <= set(texts)


def test_the_peak_of_the_dram_is_a_line_inside_the_axes(figures, report: Report) -> None:
    dram = figures["utilization"].axes[1]
    peaks = [line for line in dram.lines if list(line.get_ydata()) == [19.2, 19.2]]
    assert len(peaks) == 1 and dram.get_ylim()[1] > 19.2 * 1.02


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "name", ["中文字", "🙂", "\x1b[31m\x00\x07", "한국어 ａｂ", "a\nb", "\u202eabc", "\ufffe", "µ²…"]
)
def test_names_of_any_characters_are_drawn_without_a_warning(make_report, make_op, name: str) -> None:
    op = make_op(1, name=name)
    run = {key: getattr(op, key) for key in ("cycles", "compute_cycles", "stall_cycles")}
    report = make_report(1, ops=(op,), workload=name, **run)
    whole = Activity(bin_cycles=report.cycles, macs=np.ones(1), dram_bytes=np.ones(1))
    for key, figure in plots.draw(report, whole).items():
        plot_style.png(figure)
        ElementTree.fromstring(plot_style.svg(figure, key))


def test_plots_without_numbers_are_left_out(empty_report: Report, report: Report) -> None:
    assert plots.draw(empty_report) == {}
    assert list(plots.draw(report)) == ["cycles", "multipliers", "roofline", "energy"]


def test_stalls_keep_their_color_in_every_plot() -> None:
    names = ["dram", "cold_fill", "scratchpad", "drain"]
    assert plot_style.colors(names)["dram"] == plot_style.colors(["dram"])["dram"]
    assert len(set(plot_style.colors(names).values())) == 4
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
