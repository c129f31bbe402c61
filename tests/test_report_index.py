"""The page that lists a folder's reports, with what each says of itself."""

from __future__ import annotations

from pathlib import Path

from bench.report import index
from bench.report.folder import write
from bench.report.recommendation import recommendation
from bench.report.sheet import Sheet
from bench.report.sheet import write as write_sheet
from tests.estimates_fixture import empty, synthetic


def test_every_report_is_listed_with_its_verdict_and_its_way(tmp_path: Path) -> None:
    small = synthetic(("PPO", "DQN"), ("CartPole-v1",), 5)
    write(small, tmp_path / "discrete", figure_formats=(), table_formats=())
    write(empty(), tmp_path / "none", figure_formats=(), table_formats=())
    write_sheet(
        Sheet("A table <b>", "Does it hold?", "37 of 37 plausible", ("ten seeds",), ()), tmp_path / "published" / "zoo"
    )
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "index.html").write_text("<html><head><title>somebody else's</title></head></html>")
    page = index.write(tmp_path).read_text()
    links = ("discrete", "none", "published/zoo", "notes")
    assert [page.count(f'href="{link}/index.html"') for link in links] == [1, 1, 1, 0]
    assert recommendation(small).claim[:40] in page
    assert "37 of 37 plausible" in page
    assert "A table &lt;b&gt;" in page


def test_a_folder_without_reports_says_how_one_comes_about(tmp_path: Path) -> None:
    assert "bench run writes one" in index.write(tmp_path).read_text()
