"""Files for readers: the last good one stays whole whatever happens, and no cell of theirs is computed."""

import csv
import io
import json
import os
import stat
from pathlib import Path

import pandas as pd
import pytest

from bench.errors import WriteError
from bench.files import publish, publishing
from bench.pipeline import open_experiment
from bench.pipeline.results import report_document, write_report
from bench.pipeline.tidy import export
from bench.plain import spreadsheet
from bench.report.table import Cell, Column, Table, to_csv
from tests.making import TOY, run_suite, suite_file

CRASH = '"bench.environments.toy:bench/Crash-v0": {steps: 30, kwargs: {after: 5}}'


def _interrupted(page: Path) -> None:
    with publishing(page) as file:
        file.write_text("half a pa")
        raise KeyboardInterrupt


def test_a_page_that_fails_half_way_leaves_the_last_one_whole(tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    publish(page, "the last good one")
    with pytest.raises(KeyboardInterrupt):
        _interrupted(page)
    assert page.read_text() == "the last good one"
    assert list(tmp_path.iterdir()) == [page]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")  # noqa: PTH110
def test_a_full_disk_is_one_sentence_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "page.html").symlink_to("/dev/full")
    with pytest.raises(WriteError, match=r"page\.html: cannot be written: No space left on device"):
        publish(tmp_path / "page.html", "x")


def test_a_folder_where_the_file_should_be_and_a_file_where_its_folder_should_be_are_sentences(tmp_path: Path) -> None:
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match="folder: cannot be written: Is a directory"):
        publish(tmp_path / "folder", "x")
    with pytest.raises(WriteError, match=r"page\.html: cannot be written: File exists"):
        publish(tmp_path / "file" / "page.html", "x")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder", "inside"]


def test_a_pipe_is_written_to_and_a_link_stays_a_link(tmp_path: Path) -> None:
    pipe, link, kept = tmp_path / "pipe", tmp_path / "link", tmp_path / "kept"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    publish(pipe, "through")
    assert os.read(reader, 100) == b"through"
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    link.symlink_to(kept)
    publish(link, "kept")
    assert (link.is_symlink(), kept.read_text()) == (True, "kept")
    os.close(reader)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1+1", "'+1+1"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "' =1"),
        ("\r=1", "' =1"),
        ("-1.5", "-1.5"),
        ("+1e5", "+1e5"),
        ("-3.60 ± 0.56", "-3.60 ± 0.56"),
        ("-3 ± =1", "'-3 ± =1"),
        ("ppo = best", "ppo = best"),
        ("", ""),
    ],
)
def test_a_cell_that_a_spreadsheet_would_compute_is_text(text: str, cell: str) -> None:
    assert spreadsheet(text) == cell
    table = Table("t", "", (Column(text, numeric=False), Column("n")), ((Cell(text), Cell(-3.5)),))
    head, row = csv.reader(io.StringIO(to_csv(table)))
    assert (head[0], row) == (cell, [cell, "-3.5"])


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results with a label like a formula and failures that tell of it with half a letter and an escape."""
    folder = tmp_path_factory.mktemp("odd")
    text = TOY.replace("algorithms: [q_learning, softmax_reinforce", 'algorithms: [{name: q_learning, label: "=1+1"}')
    run_suite(suite_file(folder, text.replace("bench/Bandit-v0: {steps: 100}", CRASH)), folder)
    for failure in folder.glob("small/trials/*/failure.json"):
        content = json.loads(failure.read_text())
        told = {"message": "=no\n\n# way\x1b[2J \ud800\u202e", "traceback": "File x\n\x1b]0;\x07 \udcff\u202e\n"}
        failure.write_text(json.dumps(content | told))
    return folder / "small"


def test_a_failure_that_tells_of_half_a_letter_stands_in_every_file_of_a_report(odd: Path, tmp_path: Path) -> None:
    page = write_report(open_experiment(odd), tmp_path)
    for path in (one for one in tmp_path.rglob("*") if one.suffix in {".html", ".svg", ".csv", ".md", ".tex"}):
        assert not set(path.read_text(encoding="utf-8")) & {"\x1b", "\x07", "\u202e", "\ud800"}
    assert "File x\n]0; \ufffd" in page.read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "tables/failures.csv").read_text(encoding="utf-8"))))
    assert {row["Algorithm"] for row in rows} == {"'=1+1", "random"}


@pytest.mark.parametrize("kind", ["md", "latex", "json"])
def test_a_message_of_several_lines_begins_nothing_of_its_own_in_a_document(odd: Path, kind: str) -> None:
    text = report_document(open_experiment(odd), kind)
    text.encode("utf-8")
    assert not [line for line in text.splitlines() if line.startswith(("# way", r"\# way"))]
    if kind == "json":
        assert text.isascii()
        assert json.loads(text)["suite"] == "small"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_an_export_holds_numbers_as_numbers_and_text_as_text(odd: Path, tmp_path: Path, kind: str) -> None:
    files = export(open_experiment(odd), tmp_path, kind)
    frame = pd.read_csv(files[0]) if kind == "csv" else pd.read_parquet(files[0])
    label = "'=1+1" if kind == "csv" else "=1+1"
    assert set(frame["label"]) == {label, "random"}
    assert set(frame["message"].dropna()) - {""} == {("'" if kind == "csv" else "") + "=no  # way \ufffd"}
    assert frame["final_return"].dtype == float
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in files)
