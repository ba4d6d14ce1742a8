"""The page, as text and in a real browser."""

import os
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from edgecsi.latency.report_schema import LatencyReport
from edgecsi.report.latency_page import latency_page

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


class Page(HTMLParser):
    """Rows of all tables, texts of the charts, and tags."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.chart_texts, self.tags = [], [], []
        self._open = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag in ("meta",):
            self._open.pop()

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data
        if "svg" in self._open:
            self.chart_texts.append(data)


@pytest.fixture(scope="module")
def browser_page(latency, tmp_path_factory):
    """What headless Chromium makes of the page; drawn from JSON that was written and read back."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no Chromium here (Debian: apt-get install chromium)")
    folder = tmp_path_factory.mktemp("page")
    path = folder / "report.html"
    path.write_text(latency_page(LatencyReport.model_validate_json(latency.model_dump_json())))
    command = [browser, "--headless", "--disable-gpu", "--dump-dom", f"--user-data-dir={folder / 'profile'}"]
    command += ["--enable-logging=stderr"] + (["--no-sandbox"] if os.geteuid() == 0 else [])
    done = subprocess.run([*command, path.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    return Page(done.stdout), done.stderr


def percentile_row(subject, cell, run):
    bounds = [run.timing.percentiles_us.get(p) for p in ("p50", "p90", "p99", "p99.9", "p99.999")]
    numbers = [run.timing.mean_us, *bounds, run.timing.max_us]
    mode = run.mode if run.period_us is None else f"{run.mode} {run.period_us / 1e3:g} ms"
    shown = ["-" if us is None else f"{us / 1e3:.2f}" for us in numbers]
    return [subject.name, str(cell.setting.users), cell.setting.label, mode, str(run.timing.calls), *shown]


def test_the_browser_shows_every_percentile_of_the_json(latency, browser_page):
    page, _ = browser_page
    expected = [
        percentile_row(subject, cell, run)
        for subject in latency.subjects
        for cell in subject.cells
        for run in cell.runs
    ]
    assert expected
    assert all(row in page.rows for row in expected)


def test_the_browser_shows_every_verdict_of_the_headline_budgets(latency, browser_page):
    page, _ = browser_page
    heads = [row for row in page.rows if row[4:5] == ["slot"]]
    assert len(heads) == 4  # one table per subcarrier spacing
    run = latency.subjects[0].cells[0].runs[0]
    slot = next(v for v in run.verdicts if (v.budget, v.scs_khz) == ("slot", 30))
    cells = [
        row[4] for row in page.rows if row[:4] == ["fast", "1", "1 thread", "back-to-back"] and len(row) == 10
    ]
    assert f"\u2717 {slot.margin_us / 1e3:+.2f}" in cells


def test_the_browser_shows_a_hostile_name_as_text(latency, browser_page):
    page, _ = browser_page
    hostile = latency.subjects[1].name
    assert "<script>" in hostile
    assert any(row[0] == hostile for row in page.rows if row)
    assert "script" not in page.tags
    assert "b" not in page.tags


def test_the_browser_draws_all_charts_and_asks_for_nothing(latency, browser_page):
    page, log = browser_page
    charts = " ".join(page.chart_texts)
    assert all(
        word in charts for word in ("slot / 4", "cqi-period-4@30", "share of calls", "% of calls per bin")
    )
    assert all(word in charts for word in ("users per call", "NMSE on the golden users in dB", "teacher"))
    assert "Refused to" not in log
    assert "ERR_" not in log


def test_the_page_refers_to_nothing_outside(latency):
    text = latency_page(latency)
    assert not re.findall(r"""(?:src|href)\s*=|url\(|@import|https?://""", text)
    assert "<script" not in text


def test_reasons_and_the_stamp_are_at_the_top(latency):
    head = latency_page(latency).partition("Verdicts")[0]
    assert "not RT-tuned" in head
    assert "gpu did not run: no GPU &lt;here&gt;" in head
    assert "nan: the engine returned NaN or infinity" in head


def test_the_network_its_setting_and_its_warnings_are_shown(latency):
    text = latency_page(latency)
    assert "toy-net, 27,458 parameters, TDD, 4x4x2 array, 2.4 GHz" in text
    assert "fast: warning: made for 10 to 100 km/h &lt;only&gt;" in text.partition("Verdicts")[0]


def test_a_report_without_a_single_run_is_still_a_page(latency):
    failed = latency.subjects[3:]
    changes = {"subjects": failed, "comparisons": [], "capacities": [], "floors": []}
    text = latency_page(latency.model_copy(update=changes))
    assert "no GPU" in text
    assert "<svg" not in text


def test_every_pareto_point_says_its_numbers(latency):
    text = latency_page(latency)
    best = latency.subjects[0].cells[0]
    point = f"fast: {best.runs[0].timing.observed_us['p50'] / 1e3:.4g}, {best.outputs.nmse_golden_db:.4g}"
    assert point in text
