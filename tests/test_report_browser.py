"""The report in a real browser: headless Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlparse
from urllib.request import url2pathname

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from bench.pipeline import open_experiment
from bench.pipeline.results import estimates
from bench.records import Estimates
from bench.report.folder import write
from bench.reproduce.judging import judge, write_page
from bench.reproduce.reproduction import open_table
from tests.estimates_fixture import empty, synthetic

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
PHONE, DESKTOP = (390, 844), (1440, 900)
_PATIENCE_MS = 200_000
RESULTS = Path(__file__).parents[1] / "results" / "discrete"
Scheme = Literal["light", "dark"]

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on the path: the report is not checked in a browser"
)


class Tab:
    """One page after the other at one size in one colour scheme, and what is heard of it."""

    def __init__(self, browser: Browser, size: tuple[int, int], scheme: Scheme) -> None:
        width, height = size
        phone = size == PHONE
        self.page: Page = browser.new_page(
            viewport={"width": width, "height": height}, color_scheme=scheme, is_mobile=phone, has_touch=phone
        )
        self._scheme = scheme
        self.noise: list[str] = []
        self.asked: set[str] = set()
        self.page.on("pageerror", lambda error: self.noise.append(str(error)))
        self.page.on("console", lambda message: self.noise.append(message.text))
        self.page.on("request", lambda request: self.asked.add(request.url))
        self.page.set_default_timeout(_PATIENCE_MS)

    def show(self, url: str) -> Tab:
        """Load a page as if nothing had been here before."""
        self.page.goto("about:blank")
        self.page.emulate_media(media="screen", color_scheme=self._scheme)
        self.page.mouse.move(0, 0)
        self.noise.clear()
        self.asked.clear()
        self.page.goto(url)
        return self

    def ask(self, expression: str) -> Any:
        """Return what a JavaScript expression gives, promises awaited."""
        return self.page.evaluate(expression)

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def point(self, expression: str) -> None:
        """Move the pointer to the viewport coordinates that an expression gives as [x, y]."""
        self.page.mouse.move(*self.ask(expression))


Open = Callable[..., Tab]
Pages = Callable[[str], str]


def _long() -> Estimates:
    """Return estimates in which every text is one long word, for the widths."""
    word = "x" * 180
    base = synthetic((word, f"{word}-2"), (f"{word}-v0", "CartPole-v1"), 4)
    return replace(base, title=word, question=word, notes=(word,) * 5)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        # Tests may run as root in a container, where the sandbox cannot start.
        chromium = driver.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False, timeout=_PATIENCE_MS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def tab(browser: Browser, pages: Pages) -> Open:
    """Give a function that shows one of the pages at a size, in a colour scheme."""
    # A new tab takes longer than most pages.
    kept = cache(partial(Tab, browser))

    def show(name: str, size: tuple[int, int] = DESKTOP, scheme: Scheme = "light") -> Tab:
        return kept(size, scheme).show(pages(name))

    return show


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    """Give a function that writes one of the pages when it is first asked for, and returns its address."""
    folder = tmp_path_factory.mktemp("reports")
    return cache(lambda name: WRITTEN[name](folder / name).as_uri())


def _written(shown: Estimates, folder: Path, trials: Path | None = None) -> Path:
    return write(shown, folder, trials=trials, figure_formats=(), table_formats=("csv",))


def _many(folder: Path) -> Path:
    """Write the report of 600 trials, one of which has left a log behind."""
    many, trials = synthetic(environments=("CartPole-v1", "Acrobot-v1"), seeds=60), folder.with_name("trials")
    (trials / many.trials[1].name).mkdir(parents=True)
    (trials / many.trials[1].name / "log.txt").write_text("")
    return _written(many, folder, trials)


def _real(folder: Path) -> Path:
    """Write the report of the published results, its bootstrap shortened."""
    experiment = open_experiment(RESULTS)
    plan = replace(experiment.suite.analysis, resamples=200)
    found = estimates(replace(experiment, suite=replace(experiment.suite, analysis=plan)))
    return _written(found, folder, experiment.store.root / "trials")


def _reproduced(folder: Path) -> Path:
    reproduced = open_table("rl-zoo", results=RESULTS.parent)
    return write_page(reproduced, judge(reproduced), folder)


WRITTEN: dict[str, Callable[[Path], Path]] = {
    "usual": lambda folder: _written(synthetic(environments=("CartPole-v1", "Acrobot-v1")), folder),
    "long": lambda folder: _written(_long(), folder),
    "many": _many,
    "empty": lambda folder: _written(empty(), folder),
    "real": _real,
    "reproduced": _reproduced,
}


SIZES = pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])


@SIZES
@pytest.mark.parametrize("name", ["real", "usual", "many", "long", "empty", "reproduced"])
def test_the_page_never_overflows_sideways(tab: Open, name: str, size: tuple[int, int]) -> None:
    page = tab(name, size)
    page.ask("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    assert page.ask("innerWidth") == size[0]
    assert page.ask("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


_BOTTOM = "document.querySelector('{}').getBoundingClientRect().bottom <= innerHeight"


@SIZES
@pytest.mark.parametrize("name", ["real", "usual"])
def test_the_verdict_and_its_sureness_are_on_the_first_screen(tab: Open, name: str, size: tuple[int, int]) -> None:
    page = tab(name, size)
    for part in ("header .facts", ".verdict", ".holds", ".sureness"):
        assert page.ask(_BOTTOM.format(part)), part
    # A long answer may leave room for the first line of the warnings alone.
    assert page.ask("document.querySelector('.warnings li').getBoundingClientRect().top + 20 <= innerHeight")


@SIZES
def test_nothing_opened_the_page_is_short(tab: Open, size: tuple[int, int]) -> None:
    page = tab("real", size)
    assert page.ask("document.documentElement.scrollHeight") < 8_000
    assert page.ask("document.body.innerText.split(/\\s+/).length") < 2_500


@pytest.mark.parametrize("name", ["real", "usual"])
def test_the_table_of_situations_begins_on_the_first_screen_of_a_desktop(tab: Open, name: str) -> None:
    page = tab(name)
    # The real one answers under two settings: twice as many algorithms are beside the verdict.
    first = {"usual": "tbody tr:nth-child(1)", "real": "caption"}[name]
    assert page.ask(_BOTTOM.format(f"#table-situations {first}"))


# Each size and each scheme once: nothing that is loaded depends on both.
@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "dark"), (DESKTOP, "light")], ids=["phone-dark", "desktop-light"])
@pytest.mark.parametrize("name", ["real", "usual", "many", "empty", "reproduced"])
def test_the_page_opens_quietly_and_fetches_nothing(
    tab: Open, pages: Pages, name: str, size: tuple[int, int], scheme: Scheme
) -> None:
    page = tab(name, size, scheme)
    # Once around the event loop, so that whatever the load set off has been reported.
    page.ask("new Promise((done) => setTimeout(done, 50))")
    assert page.noise == []
    assert page.asked == {pages(name)}


def test_dark_and_light_turn_text_paper_and_figures_over(tab: Open) -> None:
    seen = {}
    schemes: tuple[Scheme, ...] = ("light", "dark")
    for scheme in schemes:
        page = tab("usual", scheme=scheme)
        look = "getComputedStyle(document.querySelector(`{}`)).{}"
        seen[scheme] = [
            page.ask(look.format("body", "backgroundColor")),
            page.ask(look.format("body", "color")),
            page.ask(look.format('figure svg text[style*="--muted"]', "fill")),
            page.ask(look.format('figure svg [id$="-s0-line"] path', "stroke")),
        ]
    # --paper, --ink, --muted of the style sheet, and the first colour of each palette.
    assert seen["light"] == ["rgb(253, 253, 251)", "rgb(29, 33, 38)", "rgb(92, 98, 107)", "rgb(0, 114, 178)"]
    assert seen["dark"] == ["rgb(22, 24, 27)", "rgb(230, 228, 223)", "rgb(166, 171, 179)", "rgb(82, 169, 230)"]


def test_a_table_is_sorted_from_the_keyboard(tab: Open) -> None:
    page = tab("usual")
    column = (
        "[...document.querySelectorAll('#table-overall tbody tr')].map((row) => parseFloat(row.cells[1].textContent))"
    )
    heading = "document.querySelectorAll('#table-overall thead th')[1]"
    page.ask("document.querySelector('#overall > details').open = true")
    before = page.ask(column)
    page.ask(f"{heading}.querySelector('button').focus()")
    page.press("Enter")
    assert page.ask(f"{heading}.getAttribute('aria-sort')") == "ascending"
    assert page.ask(column) == sorted(before)
    page.press("Enter")
    assert page.ask(f"{heading}.getAttribute('aria-sort')") == "descending"
    assert page.ask(column) == sorted(before, reverse=True)


def test_rows_without_a_number_stay_last_either_way(tab: Open) -> None:
    page = tab("usual")
    column = "[...document.querySelectorAll('#table-trials tbody tr')].map((row) => row.cells[4].textContent)"
    none = "\N{EN DASH}"
    missing = page.ask(column).count(none)
    assert missing == 3  # two failed, one not run
    for _ in range(2):
        page.ask("document.querySelectorAll('#table-trials thead th')[4].querySelector('button').click()")
        assert page.ask(column)[-missing:] == [none] * missing


def test_numbers_below_zero_are_sorted_as_numbers(tab: Open) -> None:
    page = tab("usual")
    page.ask("document.querySelectorAll('#table-environment-2 thead th')[1].querySelector('button').click()")
    told = page.ask(
        "[...document.querySelectorAll('#table-environment-2 tbody tr')].map((r) => r.cells[1].textContent)"
    )
    numbers = [float(text.split()[0].replace("\N{MINUS SIGN}", "-")) for text in told]
    assert numbers == sorted(numbers)
    assert numbers[0] < 0


def test_a_number_leads_to_exactly_its_trials(tab: Open) -> None:
    page = tab("usual")
    shown = "[...document.querySelectorAll('#table-trials tbody tr')].filter((row) => !row.hidden)"
    page.ask("document.querySelector('#table-environment-2 tbody tr:nth-child(3) td a').click()")
    page.ask("new Promise((done) => setTimeout(done, 100))")
    assert page.ask(f"{shown}.length") == 10
    assert page.ask(f"new Set({shown}.map((row) => row.cells[0].innerText + ' ' + row.cells[1].innerText)).size") == 1
    assert (
        page.ask(f"{shown}[0].cells[0].innerText + ' on ' + {shown}[0].cells[1].innerText").strip()
        == "PPO on Acrobot-v1"
    )
    assert page.ask("document.getElementById('trial-count').textContent") == "10 of 100 trials"
    page.ask("document.getElementById('trial-all').click()")
    assert page.ask(f"{shown}.length") == 100


def test_the_search_box_narrows_the_trials_word_by_word(tab: Open) -> None:
    page = tab("usual")
    page.ask(
        "(() => { const box = document.getElementById('trial-search'); box.value = 'FAILED cartpole';"
        " box.dispatchEvent(new Event('input')); })()"
    )
    assert page.ask("document.getElementById('trial-count').textContent") == "2 of 100 trials"


_MANY = "[...document.querySelectorAll('#table-trials tbody tr')]"


def test_many_trials_are_shown_a_hundred_at_a_time(tab: Open) -> None:
    page = tab("many")
    count = "document.getElementById('trial-count').textContent"
    assert page.ask(f"{_MANY}.length") == 100
    assert page.ask(count) == "1 to 100 of 600 of 600 trials"
    page.ask("document.getElementById('trial-after').click()")
    # The second hundred begins with the 41st seed of REINFORCE's second environment.
    assert page.ask(f"[...{_MANY}[0].cells].slice(0, 3).map((cell) => cell.textContent)") == [
        "REINFORCE",
        "Acrobot-v1",
        "40",
    ]
    assert page.ask(count) == "101 to 200 of 600 of 600 trials"


def test_a_trial_among_many_leads_to_its_files(tab: Open) -> None:
    page = tab("many")
    (link,) = page.ask(f"{_MANY}.flatMap((row) => [...row.querySelectorAll('a')]).map((link) => link.href)")
    file = Path(url2pathname(urlparse(link).path))
    assert file.is_file()
    assert file.parts[-2:] == ("reinforce--CartPole-v1--seed-1--000000000001", "log.txt")


def test_a_number_leads_to_its_trials_among_many_too(tab: Open) -> None:
    page = tab("many")
    page.ask("document.querySelector('#table-environment-2 tbody tr:nth-child(3) td a').click()")
    page.ask("new Promise((done) => setTimeout(done, 100))")
    assert page.ask("document.getElementById('trial-count').textContent") == "60 of 600 trials"
    told = page.ask(f"{_MANY}.map((row) => row.cells[0].textContent + ' on ' + row.cells[1].textContent)")
    assert told == ["PPO on Acrobot-v1"] * 60
    page.ask("document.querySelectorAll('#table-trials thead th')[4].querySelector('button').click()")
    returns = page.ask(f"{_MANY}.map((row) => row.cells[4].textContent)")
    numbers = [float(text.replace("\N{MINUS SIGN}", "-").replace(",", "")) for text in returns]
    assert numbers == sorted(numbers)


def test_a_trial_of_the_published_results_leads_to_its_files(tab: Open) -> None:
    page = tab("real")
    links = page.ask("[...document.querySelectorAll('#table-trials a')].map((link) => link.href)")
    files = [Path(url2pathname(urlparse(link).path)) for link in links]
    assert len(files) > 100
    assert {file.name for file in files} >= {"trial.json"}
    assert all(file.is_file() for file in files)


_HIDDEN = "[...document.querySelectorAll('figure svg [id*=\"-s{}-\"]')].map((g) => getComputedStyle(g).display)"


def test_a_legends_button_hides_its_algorithm_in_every_figure_and_shows_it_again(tab: Open) -> None:
    page = tab("usual")
    button = "document.querySelector('.legend li[data-series=\"2\"] button')"
    assert page.ask(f"{button}.textContent") == "PPO"
    page.ask(f"{button}.focus()")
    page.press("Enter")
    # PPO's marks are gone wherever they stand, and everybody else's are there.
    assert set(page.ask(_HIDDEN.format(2))) == {"none"}
    assert "none" not in page.ask(_HIDDEN.format(3).replace("]')]", ']:not([id*="-s2-"])\')]'))
    pressed = "[...document.querySelectorAll('.legend li[data-series=\"2\"] button')].map((b) => b.ariaPressed)"
    assert set(page.ask(pressed)) == {"false"}
    assert len(page.ask(pressed)) > 1
    page.press("Enter")
    assert "none" not in page.ask(_HIDDEN.format(2))
    assert set(page.ask(pressed)) == {"true"}


def choose(page: Tab, name: str, value: str) -> None:
    """Choose another learning curve."""
    page.page.select_option(f".chooser select[name={name}]", value)


def test_one_learning_curve_is_shown_at_a_time_by_where_what_and_over_what(tab: Open) -> None:
    page = tab("usual")
    shown = "[...document.querySelectorAll('#learning figure')].filter((one) => !one.hidden).map((one) => one.id)"
    assert page.ask(shown) == ["figure-learning-share"]
    choose(page, "where", "Acrobot-v1")
    assert page.ask(shown) == ["figure-environment-2-steps"]
    choose(page, "what", "runs at the threshold")
    assert page.ask(shown) == ["figure-environment-2-threshold"]
    # There are no such steps over seconds: the environment stays, what is shown gives way.
    choose(page, "over", "over CPU seconds")
    assert page.ask(shown) == ["figure-environment-2-seconds"]
    assert page.ask("document.querySelector('.chooser select[name=what]').value") == "return"


def test_an_environments_table_leads_to_its_learning_curves(tab: Open) -> None:
    page = tab("usual")
    page.ask("document.querySelector('#environments a[data-curves=\"Acrobot-v1\"]').click()")
    assert page.ask("document.querySelector('.chooser select[name=where]').value") == "Acrobot-v1"


def test_pointing_at_a_curve_tells_its_value_interval_and_n(tab: Open) -> None:
    page = tab("usual")
    curve = next(
        curve
        for curve in synthetic(environments=("CartPole-v1", "Acrobot-v1")).curves
        if (curve.label, curve.environment, curve.axis) == ("PPO", "CartPole-v1", "steps")
    )
    plot = "document.querySelector('#figure-environment-1-steps .plot')"
    choose(page, "where", "CartPole-v1")
    choose(page, "over", "over steps")
    page.ask(f"{plot}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
    # The last point of the plot's right edge, where PPO's curve ends.
    page.point(
        f"(() => {{ const svg = {plot}.querySelector('svg');"
        f" const [panel] = JSON.parse({plot}.parentElement.querySelector('script.numbers').textContent);"
        " const [left, top, width, height] = panel.frame;"
        " const series = panel.series.find(({label}) => label === 'PPO');"
        " const spot = new DOMPoint(left + width, series.py.at(-1)).matrixTransform(svg.getScreenCTM());"
        " return [spot.x, spot.y]; })()"
    )
    told = page.ask("[...document.querySelectorAll('.tip > *')].map((line) => line.textContent)")
    low, high = curve.low[-1], curve.high[-1]
    assert low is not None
    assert high is not None
    assert told == [
        "PPO",
        f"Return: {curve.estimate[-1]:.1f} [{low:.1f}, {high:.1f}]",
        "Environment steps: 100,000; n = 10",
    ]
    lit = page.ask(f"[...{plot}.querySelectorAll('svg .lit')].map((part) => part.id.split('-').at(-1)).sort()")
    assert lit == ["band", "end", "line", "runs"]
    page.point("[2, 2]")
    assert page.ask("document.querySelector('.tip').hidden")


def test_arrow_keys_walk_along_a_curve_and_to_the_next(tab: Open) -> None:
    page = tab("usual")
    plot = "document.querySelector('#figure-learning-share .plot')"
    tip = "[...document.querySelectorAll('.tip > *')].map((line) => line.textContent)"
    page.ask(f"{plot}.focus()")
    page.press("ArrowRight")
    first = page.ask(tip)
    assert first[0] == "REINFORCE"
    assert first[2].startswith("Share of the step budget: 100 %; n = 10")
    page.press("ArrowLeft")
    assert page.ask(tip)[2].startswith("Share of the step budget: 95 %")
    page.press("ArrowDown")
    assert page.ask(tip)[0] == "A2C"
    assert page.ask("document.querySelector('.tip').getAttribute('role')") == "status"
    page.press("Escape")
    assert page.ask("document.querySelector('.tip').hidden")


def test_a_phrase_opens_the_place_where_it_was_measured(tab: Open) -> None:
    page = tab("usual")
    page.ask("document.querySelector('#table-cards tbody tr:nth-child(2) td:nth-child(4) a').click()")
    page.ask("new Promise((done) => setTimeout(done, 100))")
    assert page.ask("document.querySelector(':target').cells[0].textContent") == "A2C"


@pytest.mark.parametrize("name", ["usual", "real", "reproduced"])
def test_print_loses_no_column_and_shows_no_control(tab: Open, name: str) -> None:
    page = tab(name, (718, 1000))  # A4 less its margins at 96 dots per inch
    page.page.emulate_media(media="print", color_scheme="light")
    page.ask("window.dispatchEvent(new Event('beforeprint'))")
    wide = (
        "[...document.querySelectorAll('table, figure svg')].filter((part) => part.getBoundingClientRect().right > 719)"
        ".map((part) => part.id || part.closest('figure').id)"
    )
    assert page.ask(wide) == []
    seen = "[...document.querySelectorAll('.filter, .files, nav')].filter((part) => part.offsetParent !== null).length"
    assert page.ask(seen) == 0


def test_print_shows_whole_tables_on_white(tab: Open) -> None:
    page = tab("usual")
    page.page.emulate_media(media="print", color_scheme="dark")
    look = "getComputedStyle(document.querySelector('{}')).{}"
    assert page.ask(look.format("nav", "display")) == "none"
    assert page.ask(look.format("#trials .scroll", "overflow")) == "visible"
    assert page.ask(look.format("body", "backgroundColor")) == "rgb(255, 255, 255)"
    assert page.ask(look.format("body", "color")) == "rgb(29, 33, 38)"


@pytest.mark.parametrize(
    ("name", "size", "scheme"),
    [
        ("real", PHONE, "light"),
        ("real", DESKTOP, "dark"),
        ("many", DESKTOP, "light"),
        ("reproduced", PHONE, "dark"),
        ("reproduced", DESKTOP, "light"),
    ],
    ids=str,
)
def test_axe_finds_nothing(tab: Open, name: str, size: tuple[int, int], scheme: Scheme) -> None:
    page = tab(name, size, scheme)
    page.ask("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    # A table's rows are all alike: six of each are enough, and a hundred times as fast.
    page.ask("document.querySelectorAll('tbody tr:nth-child(n+7)').forEach((row) => row.remove())")
    # Twice as fast: of what passes, axe would tell every place.
    violations = Axe().run(page.page, options={"resultTypes": ["violations"]})["violations"]
    assert [(one["impact"], one["id"], len(one["nodes"]), one["nodes"][0]["html"][:200]) for one in violations] == []


def test_on_a_phone_the_situations_are_cards_that_name_their_columns_and_none_is_cut_off(tab: Open) -> None:
    page = tab("real", PHONE)
    table = "document.querySelector('#table-situations')"
    assert page.ask(f"{table}.parentElement.scrollWidth - {table}.parentElement.clientWidth") == 0
    assert page.ask(f"getComputedStyle({table}.querySelector('td'), '::before').content") == '"Choose"'
    wide = tab("real")
    assert wide.ask(f"getComputedStyle({table}.querySelector('td'), '::before').content") == "none"
