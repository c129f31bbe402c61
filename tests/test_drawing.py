"""Figures: the frames say what the estimates say, and what matplotlib drew is read back and says the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.text import Annotation

from bench.analysis.interval import FEWEST_RUNS
from bench.records import CurveEstimate, Estimates, Interval, Lead, Profile, Threshold
from bench.report import drawing, figures, order, page, palette
from bench.report.drawing import Drawn
from bench.report.figures import Axis, Figure, Panel
from tests.estimates_fixture import synthetic

LABELS = ("PPO", "DQN", "random")
STYLES = palette.styles(LABELS)


def _estimates() -> Estimates:
    return synthetic(("PPO", "DQN", "random"), ("CartPole-v1", "Acrobot-v1"), 5, failed=1, missing=1)


@pytest.fixture(scope="module")
def estimates() -> Estimates:
    return _estimates()


@pytest.fixture(scope="module")
def drawn(estimates: Estimates) -> dict[str, Drawn]:
    looks = order.styles(estimates)
    return {figure.name: drawing.draw(figure, looks) for figure in figures.every(estimates)}


def _plots(drawn: dict[str, Drawn], kind: str) -> Iterator[tuple[str, Panel, Axes]]:
    found = [
        (f"{one.figure.name}-{place}", panel, ax)
        for one in drawn.values()
        for place, (panel, ax) in enumerate(zip(one.figure.panels, one.axes, strict=True))
        if panel.kind == kind
    ]
    assert found, f"nothing of the kind {kind} was drawn"
    yield from found


def _part(ax: Axes, gid: str) -> list[Line2D | PolyCollection | LineCollection]:
    return [artist for artist in (*ax.lines, *ax.collections) if artist.get_gid() == gid]  # type: ignore[misc] # those kinds


# The frames.


def test_a_curves_frame_holds_the_estimates_curve_point_by_point(estimates: Estimates) -> None:
    curves = [curve for curve in estimates.curves if curve.environment == "CartPole-v1" and curve.axis == "steps"]
    figure = next(figure for figure in figures.every(estimates) if figure.name == "environment-1-steps")
    frame = figure.panels[0].frame
    for curve in curves:
        mine = frame[frame.label == curve.label]
        for column, told in (("x", curve.x), ("estimate", curve.estimate), ("low", curve.low), ("high", curve.high)):
            np.testing.assert_array_equal(mine[column], np.array(told, dtype=float))
        assert set(mine.n) == {curve.n}
    assert set(frame.label) == {curve.label for curve in curves}


def test_the_cost_of_an_algorithm_is_told_from_its_own_cells_alone(estimates: Estimates) -> None:
    cheap, dear = estimates.cells[0], next(one for one in estimates.cells if one.label != estimates.cells[0].label)
    cells = [replace(cheap, train_seconds=10.0), replace(cheap, train_seconds=20.0), replace(dear, train_seconds=90.0)]
    figure = figures.cost(cells)
    assert (
        figure.description == f"{cheap.label}: 10.0 to 20.0 CPU seconds per run; {dear.label}: 90.0 CPU seconds per run"
    )
    tips = figure.panels[0].frame.tip
    assert [tip.partition(": ")[2] for tip in tips] == ["10.0 to 20.0 CPU seconds per run"] * 2 + [
        "90.0 CPU seconds per run"
    ]


def test_who_leads_is_told_after_the_time_or_the_budget(estimates: Estimates) -> None:
    captions = {figure.name: figure.caption for figure in figures.every(estimates)}
    assert "how much of the time:" in captions["crossover-seconds"]
    assert "how much of the budget:" in captions["crossover-share"]


def test_a_staircase_rises_by_one_run_where_each_run_arrives() -> None:
    # Of four runs one never arrives: steps at 300, 100 and 200 are climbed in order, up to three quarters.
    cell = replace(
        _estimates().cells[0],
        label="PPO",
        threshold=Threshold(3, 4, Interval(0.75), 200.0, None, (300.0, None, 100.0, 200.0)),
    )
    frame = figures.thresholds("CartPole-v1", "environment-1", [cell], 1000.0).panels[0].frame
    assert frame.x.tolist() == [0, 100, 200, 300, 1000]
    assert frame.estimate.tolist() == [0, 0.25, 0.5, 0.75, 0.75]


def _lead() -> Lead:
    return Lead("share", (0.5, 1.0), ("PPO", "DQN"), ((0.2, 0.4), (0.3, 0.3)), ((0.75, 0.1), (0.25, 0.9)), ("E",), 5)


def test_layers_are_stacked_from_above_and_as_high_as_their_shares() -> None:
    frame = figures.crossover(_lead(), "score").panels[1].frame
    ppo, dqn = (frame[frame.label == label] for label in ("PPO", "DQN"))
    assert ppo.high.tolist() == [1, 1]
    assert ppo.low.tolist() == pytest.approx([0.25, 0.9])
    assert dqn.high.tolist() == pytest.approx([0.25, 0.9])
    assert dqn.low.tolist() == pytest.approx([0, 0])
    np.testing.assert_allclose(frame.high - frame.low, frame.estimate)


@pytest.mark.parametrize(("slowest", "log"), [(70.0, False), (80.0, False), (90.0, True)])
def test_seconds_stand_on_a_log_axis_beyond_eight_times_as_slow_and_its_name_says_so(slowest: float, log: bool) -> None:
    curves = [
        CurveEstimate(label, None, "seconds", (5.0, end), (0.1, 0.2), (), (), 5)
        for label, end in (("PPO", 10.0), ("DQN", slowest))
    ]
    panel = figures.pooled_curves(curves, "95 %", "score").panels[0]
    assert panel.x.log is log
    assert panel.x.name.endswith("(log scale)") is log


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=5), st.booleans())
def test_any_values_find_room_on_an_axis(values: list[float], log: bool) -> None:
    axis = figures.spanning("", values, log=log)
    assert axis.low < axis.high
    # No clock or return means anything below a millionth of a millionth.
    shown = [value for value in values if value > 1e-12 or not log]
    assert all(axis.low <= value <= axis.high for value in shown)


# What was drawn.


def test_every_axis_has_a_name_in_words_or_a_heading_that_tells_it(estimates: Estimates) -> None:
    panels = [panel for figure in figures.every(estimates) for panel in figure.panels]
    assert len(panels) > 10
    for panel in panels:
        assert isinstance(panel.x.name, str)
        assert panel.x.name or panel.title


def test_every_line_goes_through_its_frames_points(drawn: dict[str, Drawn], estimates: Estimates) -> None:
    looks, count = order.styles(estimates), 0
    for kind in ("curves", "staircases"):
        for name, panel, ax in _plots(drawn, kind):
            for label, mine in panel.frame.groupby("label", sort=False):
                sound = mine[np.isfinite(mine.estimate)]
                (line,) = _part(ax, f"{name}-s{looks[str(label)].place}-line")
                assert isinstance(line, Line2D)
                np.testing.assert_array_equal(line.get_xydata(), sound[["x", "estimate"]])
                assert line.get_drawstyle() == ("steps-post" if kind == "staircases" else "default")
                count += 1
    assert count > 20


def test_every_band_lies_between_its_frames_limits_at_every_point(
    drawn: dict[str, Drawn], estimates: Estimates
) -> None:
    looks, count = order.styles(estimates), 0
    for kind, part in (("curves", "band"), ("layers", "layer")):
        for name, panel, ax in _plots(drawn, kind):
            for label, mine in panel.frame.groupby("label", sort=False):
                sound = mine[np.isfinite(mine.low) & np.isfinite(mine.high)]
                areas = _part(ax, f"{name}-s{looks[str(label)].place}-{part}")
                assert len(areas) == (len(sound) > 0)
                for area in areas:
                    corners = {tuple(corner) for corner in area.get_paths()[0].vertices.tolist()}  # type: ignore[union-attr] # an area
                    asked = sound[["x", "low"]].to_numpy().tolist() + sound[["x", "high"]].to_numpy().tolist()
                    assert corners == {tuple(corner) for corner in asked}
                    count += 1
    assert count > 10


def test_every_interval_and_mark_of_a_row_lies_where_its_frame_says(
    drawn: dict[str, Drawn], estimates: Estimates
) -> None:
    looks = order.styles(estimates)
    for name, panel, ax in _plots(drawn, "intervals"):
        for _, line in panel.frame[np.isfinite(panel.frame.estimate)].iterrows():
            both = [line.label, *([line.against] if "against" in line.index else [])]
            gid = f"{name}-{'-'.join(f's{looks[label].place}' for label in both)}-r{line.row}"
            (dot,) = _part(ax, f"{gid}-dots")
            assert isinstance(dot, Line2D)
            assert dot.get_xydata().tolist() == [[line.estimate, line.row]]  # type: ignore[union-attr] # an array
            assert (to_hex(str(dot.get_markerfacecolor())) if not line.open else dot.get_markerfacecolor()) == (
                "none" if line.open else looks[line.label].colour
            )
            for bar in _part(ax, f"{gid}-interval"):
                assert isinstance(bar, LineCollection)
                assert bar.get_segments()[0].tolist() == [[line.low, line.row], [line.high, line.row]]
        rows = panel.frame.drop_duplicates("row").sort_values("row")
        assert ax.get_ylim() == (len(rows) - 0.5, -0.5)
        # Of plots beside each other the first alone has names.
        left = [text for text in ax.texts if str(text.get_gid()).endswith("-left")]
        assert [text.get_text() for text in left] == (rows.name.tolist() if name.endswith("-0") else [])
        assert all(str(text.get_gid()).endswith(f"-r{row}-left") for text, row in zip(left, rows.row, strict=False))


def test_names_in_two_lines_have_room_on_both_sides_and_curves_leave_them_to_the_legend() -> None:
    labels = tuple(f"ppo clip_range={clip} n_epochs={epochs}" for clip in ("0.2", ".inf") for epochs in (4, 10))
    estimates = synthetic(labels, ("CartPole-v1",), 10)
    for figure in figures.every(estimates):
        done = drawing.draw(figure, order.styles(estimates))
        for panel, ax in zip(figure.panels, done.axes, strict=True):
            told = [text for text in ax.texts if re.search(r"-(left|right|end)", str(text.get_gid()))]
            assert not any("…" in text.get_text() for text in told)
            if panel.kind == "curves":
                assert told == []
            boxes = [text.get_window_extent() for text in told]
            # Hinted for 72 dots an inch letters are a little wider than in the files and on the page.
            assert all(box.x0 >= -3 and box.x1 <= done.canvas.bbox.x1 + 3 for box in boxes), figure.name
            left = sorted((box for box in boxes if box.x1 < ax.bbox.x0), key=lambda box: box.y0)
            assert all(lower.y1 <= upper.y0 + 1 for lower, upper in pairwise(left)), figure.name
    assert {"headline", "pairwise"} <= {figure.name for figure in figures.every(estimates)}


def test_an_axis_reaches_as_far_and_is_spaced_as_it_says(drawn: dict[str, Drawn]) -> None:
    for kind in ("curves", "staircases", "layers", "intervals", "dots"):
        for name, panel, ax in _plots(drawn, kind):
            assert ax.get_xlim() == (panel.x.low, panel.x.high), name
            assert ax.get_xscale() == ("log" if panel.x.log else "linear"), name
            if kind not in {"intervals", "dots"}:
                assert ax.get_ylim() == (panel.y.low, panel.y.high), name
                assert ax.get_yscale() == "linear", name


def test_every_mark_has_its_algorithms_colour(drawn: dict[str, Drawn], estimates: Estimates) -> None:
    colours = {look.place: look.colour for look in order.styles(estimates).values()}
    seen = set()
    for one in drawn.values():
        for ax in one.axes:
            for artist in (*ax.lines, *ax.collections):
                found = re.search(
                    r"-s(\d+)-(?:s\d+-)?(line|band|runs|layer|r\d+-dots|r\d+-interval)", artist.get_gid() or ""
                )
                if found is None or (found[2].endswith("dots") and "published" in (artist.get_gid() or "")):
                    continue
                assert isinstance(artist, Line2D | LineCollection | PolyCollection)
                assert _ink(artist) == colours[int(found[1])], artist.get_gid()
                seen.add(found[2].rpartition("-")[2])
    assert seen == {"line", "band", "runs", "layer", "dots", "interval"}


def _ink(artist: Line2D | LineCollection | PolyCollection) -> str:
    """Return an artist's colour without its transparency, as `#rrggbb`."""
    if isinstance(artist, Line2D):
        return to_hex(str(artist.get_color()))
    colours = artist.get_edgecolor() if isinstance(artist, LineCollection) else artist.get_facecolor()
    return to_hex(np.asarray(colours)[0])


def test_every_curve_bears_its_name_where_it_ends_and_no_two_names_meet(drawn: dict[str, Drawn]) -> None:
    ax = next(ax for name, _, ax in _plots(drawn, "curves") if name == "learning-share-0")
    names = {text.get_text(): text for text in ax.texts if str(text.get_gid()).endswith("-end")}
    # It lacks one of the two environments.
    assert set(names) == {"PPO", "DQN †", "random"}
    height = ax.get_window_extent().height
    at = sorted(text.xy[1] * height for text in names.values() if isinstance(text, Annotation))
    assert len(at) == len(names)
    assert all(upper - lower >= 1.2 * drawing.SIZE - 1e-6 for lower, upper in pairwise(at))


def test_curves_that_end_at_one_place_are_named_in_the_order_in_which_they_lie() -> None:
    lines = [
        Profile(label, (0.0, 0.5, 1.0), (1.0, middle, 0.0), (), (), 10)
        for label, middle in (("first", 0.5), ("last", 0.1), ("middle", 0.3))
    ]
    done = drawing.draw(figures.performance_profile(lines, "95 %"), palette.styles(["first", "last", "middle"]))
    heights = {text.get_text(): text.xy[1] for text in done.axes[0].texts if isinstance(text, Annotation)}
    assert heights["first"] > heights["middle"] > heights["last"]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=8))
def test_names_keep_their_order_and_stay_inside(places: list[float]) -> None:
    moved = drawing.spread(np.array(places), 0.0, 100.0)
    assert np.all((moved >= -1e-9) & (moved <= 100 + 1e-9))
    assert np.all(np.diff(moved[np.argsort(places, kind="stable")]) > 0 if len(places) > 1 else True)


def test_names_that_would_meet_are_moved_a_line_apart() -> None:
    # A line is 10.8 points: two ends at 50 stand at 50 and 60.8, one at the top edge makes the next go below it.
    assert drawing.spread(np.array([50.0, 50.0]), 0.0, 100.0).tolist() == pytest.approx([50.0, 60.8])
    assert drawing.spread(np.array([100.0, 99.0]), 0.0, 100.0).tolist() == pytest.approx([100.0, 89.2])


def test_an_algorithm_with_too_few_runs_for_an_interval_is_drawn_faint() -> None:
    frame = pd.DataFrame(
        {"label": label, "x": x, "estimate": x, "low": np.nan, "high": np.nan, "n": n}
        for label, n in (("PPO", FEWEST_RUNS), ("DQN", FEWEST_RUNS - 1))
        for x in (0.0, 1.0)
    )
    panel = Panel("curves", frame, Axis("x", 0.0, 1.0), Axis("y", 0.0, 1.0))
    (ax,) = drawing.draw(Figure("one", "learning", "", "", (panel,)), STYLES).axes
    assert [line.get_alpha() for line in ax.lines[:2]] == [None, 0.4]


def test_thin_lines_are_the_runs_and_those_far_off_leave_the_plot(estimates: Estimates) -> None:
    curve = CurveEstimate(
        "PPO", "E", "steps", (1.0, 2.0), (5.0, 6.0), (4.0, 5.0), (6.0, 7.0), 2, ((5.0, 6.0), (5.0, -900.0))
    )
    figure = figures.environment_curves([curve], "environment-1", "95 %", {}, thin=True)
    (ax,) = drawing.draw(figure, STYLES).axes
    (runs,) = _part(ax, "environment-1-steps-0-s0-runs")
    assert isinstance(runs, LineCollection)
    assert [segment.tolist() for segment in runs.get_segments()] == [[[1, 5], [2, 6]], [[1, 5], [2, -900]]]
    assert ax.get_ylim()[0] > 0
    del estimates


def test_published_numbers_are_diamonds_among_the_rings_of_our_runs() -> None:
    frame = pd.DataFrame(
        {
            "row": 0, "name": "ppo", "label": "PPO", "other": "plausible", "n": 2, "tip": "",
            "estimate": [1.0, 3.0, 2.5], "low": [np.nan, np.nan, 2.0], "high": [np.nan, np.nan, 3.5],
            "open": [True, True, False],
        }
    )  # fmt: skip
    panel = Panel("strips", frame, Axis("Mean return", 0.0, 4.0), figures.ROWS)
    (ax,) = drawing.draw(Figure("published-1", "published", "", "", (panel,)), STYLES).axes
    (rings,), (diamond,), (bar,) = (
        _part(ax, f"published-1-0-s0-r0-{part}") for part in ("dots", "published", "published-interval")
    )
    assert isinstance(rings, Line2D)
    assert isinstance(diamond, Line2D)
    assert isinstance(bar, LineCollection)
    assert (rings.get_xydata().tolist(), rings.get_marker()) == ([[1, 0], [3, 0]], "o")  # type: ignore[union-attr] # an array
    assert (diamond.get_xydata().tolist(), diamond.get_marker()) == ([[2.5, 0]], "D")  # type: ignore[union-attr] # an array
    assert bar.get_segments()[0].tolist() == [[2, 0], [3.5, 0]]


# Looks.


def test_an_algorithm_looks_the_same_on_every_page() -> None:
    one, other = palette.styles(["ppo", "dqn", "random"]), palette.styles(["reinforce", "random", "a2c", "PPO"])
    for here, there in ((one["ppo"], other["PPO"]), (one["random"], other["random"])):
        assert (here.colour, here.dash, here.marker) == (there.colour, there.dash, there.marker)


def test_a_variant_leaves_its_algorithms_colour_to_the_algorithm() -> None:
    looks = palette.styles(["no clip", "ppo"], {"no clip": "ppo", "ppo": "ppo"})
    assert looks["ppo"].colour == palette.styles(["ppo"])["ppo"].colour
    assert looks["no clip"].colour != looks["ppo"].colour
    assert palette.styles(["mine"], {"mine": "ppo"})["mine"].colour == looks["ppo"].colour


def test_under_other_settings_an_algorithm_keeps_its_colour_and_has_another_line_and_marker() -> None:
    names = ["ppo", "dqn", "reinforce"]
    looks = palette.styles([*names, *(f"{name} (tuned)" for name in names)])
    for name in names:
        plain, tuned = looks[name], looks[f"{name} (tuned)"]
        assert (plain.colour, plain.dash != tuned.dash, plain.marker != tuned.marker) == (tuned.colour, True, True)
    assert palette.styles(["ppo (tuned)"], {"ppo (tuned)": "ppo"})["ppo (tuned)"].colour == looks["ppo"].colour


def test_two_dozen_algorithms_all_look_different() -> None:
    looks = palette.styles([f"a{place}" for place in range(24)])
    assert len({(look.colour, look.dash, look.marker) for look in looks.values()}) == 24
    assert len({look.colour for look in list(looks.values())[:8]}) == 8


# Files and the page.


def test_the_same_figure_gives_the_same_bytes(drawn: dict[str, Drawn], estimates: Estimates) -> None:
    again = drawing.draw(drawn["learning-share"].figure, order.styles(estimates))
    for kind, start in (("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")):
        content = drawing.to_bytes(drawn["learning-share"], kind)
        assert content.startswith(start)
        assert content == drawing.to_bytes(again, kind)


def test_drawing_leaves_the_callers_settings_as_they_were(drawn: dict[str, Drawn]) -> None:
    del drawn
    assert mpl.rcParams["text.parse_math"] is True
    assert mpl.rcParams["svg.fonttype"] == "path"


def test_a_figure_on_the_page_takes_the_pages_colours_and_ids_that_no_other_has(drawn: dict[str, Drawn]) -> None:
    seen: set[str] = set()
    for name, one in drawn.items():
        text = drawing.inline(one)
        assert not re.search("#[0-9a-f]{6}(?![0-9a-f])", text), name
        assert "<style" not in text
        ids = re.findall(r' id="([^"]+)"', text)
        assert len(ids) == len(set(ids))
        assert not seen & set(ids), name
        seen |= set(ids)
        ET.fromstring(text)  # noqa: S314 - drawn just now


def test_what_the_script_tells_lies_where_it_is_drawn(drawn: dict[str, Drawn], estimates: Estimates) -> None:
    one = drawn["environment-1-steps"]
    (told,) = drawing.numbers(one, order.styles(estimates))
    (panel,) = one.figure.panels
    left, top, width, height = told["frame"]
    for series in told["series"]:
        mine = panel.frame[panel.frame.label == series["label"]]
        np.testing.assert_allclose(series["ys"], mine.estimate, rtol=1e-3)
        # The same places by rule of three, SVG's y downwards.
        across = left + width * (mine.x - panel.x.low) / (panel.x.high - panel.x.low)
        down = top + height * (panel.y.high - mine.estimate) / (panel.y.high - panel.y.low)
        np.testing.assert_allclose(series["px"], across, rtol=2e-3)
        np.testing.assert_allclose(series["py"], down, rtol=2e-3, atol=0.2)
    json.dumps(told, allow_nan=False)


def test_any_label_can_be_drawn() -> None:
    labels = ("_hidden", "$x^2$ and $", "日本語", '<script>alert("x")</script>', "x" * 300, "", "a\nb")
    estimates = synthetic(labels, ("CartPole-v1",), 5)
    looks = order.styles(estimates)
    for figure in figures.every(estimates):
        one = drawing.draw(figure, looks, legend=True)
        text = drawing.inline(one)
        ET.fromstring(text)  # noqa: S314 - drawn just now
        assert "<script" not in text
        assert "$x^2$ and $" in text
        assert "日本語" in text
    assert drawing.to_bytes(one, "png").startswith(b"\x89PNG")


def test_a_narrow_figure_for_a_paper_keeps_its_width() -> None:
    one = drawing.draw(figures.crossover(_lead(), "score"), STYLES, width=3.25 * 72)
    assert one.canvas.get_size_inches()[0] == pytest.approx(3.25)


GONE = {
    "ppo dear": (1.0, 0.8, 1.5),
    "ppo free": (9.0, 8.0, 11.0),
    "a2c free": (7.0, 6.0, 9.5),
    "a2c dear": (2.0, None, None),
}
"""Label -> nats from the start at the end, with limits."""


def _held() -> Estimates:
    """Return two algorithms, each at two prices of a nat, and one that nobody holds."""
    plain = synthetic((*GONE, "dqn"), ("CartPole-v1",), 5, failed=0, missing=0)
    prices = {"dear": {"kl_to_start": 0.3}, "free": {"kl_to_start": 0.0}}
    settings = tuple(
        replace(one, algorithm=one.label[:3], hyperparameters={"gamma": 1.0, **prices.get(one.label[4:], {})})
        for one in plain.settings
    )
    curves = tuple(
        CurveEstimate(label, "CartPole-v1", "steps", (50.0, 100.0), (0.1, at), (0.0, low), (0.2, high), 5)
        for label, (at, low, high) in GONE.items()
    )
    return replace(plain, settings=settings, diagnostics={"kl_to_start": curves})


def test_a_frontier_has_a_point_per_price_with_both_intervals_and_a_line_per_algorithm() -> None:
    estimates = _held()
    looks, cells = order.styles(estimates), {cell.label: cell.iqm_return for cell in estimates.cells}
    (figure,) = [one for one in figures.every(estimates) if one.section == "frontier"]
    (ax,) = drawing.draw(figure, looks).axes
    for label, (at, low, high) in GONE.items():
        gid, gained = f"frontier-1-0-s{looks[label].place}", cells[label]
        (point,) = _part(ax, f"{gid}-point")
        assert isinstance(point, Line2D)
        np.testing.assert_array_equal(point.get_xydata(), [[at, gained.estimate]])
        assert to_hex(str(point.get_color())) == looks[label].colour
        (up,) = _part(ax, f"{gid}-up")
        assert isinstance(up, LineCollection)
        assert up.get_segments()[0].tolist() == [[at, gained.low], [at, gained.high]]
        across = [one.get_segments()[0].tolist() for one in _part(ax, f"{gid}-across")]  # type: ignore[union-attr] # lines
        assert across == ([] if low is None else [[[low, gained.estimate], [high, gained.estimate]]])
    joints = [_part(ax, f"frontier-1-0-joint{place}")[0].get_xdata().tolist() for place in range(2)]  # type: ignore[union-attr] # lines
    assert sorted(joints) == [[7.0, 2.0], [9.0, 1.0]]
    beside = {str(text.get_gid()): text.get_text() for text in ax.texts if str(text.get_gid()).endswith("-price")}
    assert [beside[f"frontier-1-0-s{looks[label].place}-price"] for label in GONE] == ["0.3", "0 ppo", "0 a2c", "0.3"]
    assert figure.labels == ("ppo free", "a2c free", "ppo dear", "a2c dear")
    assert ax.get_xlabel() == "KL divergence from the policy that training began with (nats)"


def test_a_frontier_stands_on_the_page_only_where_a_nat_has_its_price() -> None:
    estimates = replace(_held(), curves=())
    one_alone = replace(estimates, diagnostics={"kl_to_start": estimates.diagnostics["kl_to_start"][:1]})
    assert "frontier" not in {figure.section for figure in figures.every(one_alone)}
    told, silent = (page.render(one, list(page.plates(one)), {}, page.Stored()) for one in (estimates, one_alone))
    assert '<a href="#frontier">' in told
    assert 'id="figure-frontier-1"' in told
    assert 'id="frontier"' not in silent


@pytest.mark.parametrize("width", [None, 358.0])
def test_what_stands_above_a_plot_never_meets(width: float | None) -> None:
    """The title, and over how many runs: the longest words of the page, beside long names, on a phone's width."""
    labels = tuple(f"ppo clip_range={clip} n_epochs=10" for clip in ("0.2", ".inf"))
    estimates = synthetic(labels, ("CartPole-v1", "LunarLanderContinuous-v3"), 10)
    looks, met = order.styles(estimates), 0
    for figure in figures.every(estimates):
        for panel, ax in zip(figure.panels, (done := drawing.draw(figure, looks, width=width)).axes, strict=True):
            told = {text.get_text(): text.get_window_extent() for text in ax.texts if isinstance(text, Annotation)}
            if panel.title in told and panel.note in told:
                met += 1
                assert told[panel.title].x1 < told[panel.note].x0, (figure.name, panel.title)
                assert told[panel.note].x1 <= done.canvas.bbox.x1
    assert met > 0
