"""The page of a report: sound, small, harmless whatever stands in the results, and readable."""

import html.parser
import json
import os
import re
import stat
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import html5lib
import pytest

from batchconv.errors import OutputError, UsageError
from batchconv.report import page as module
from batchconv.report.facts import verdict
from batchconv.report.making import make_report
from batchconv.report.page import check_page, to_html, write_page
from batchconv.report.scales import round_moments, round_values
from tests.nights import BEGIN, HOSTILE, again, at, line, run_of, write, write_runs

VOID = {"meta", "br", "img", "input", "link", "hr"}
OUTCOMES = ["accepted", "rejected", "failed", "invalid", "skipped"]


class Page(html.parser.HTMLParser):
    """What a browser would make of a page: elements, attributes, text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        assert len(attrs) == len(dict(attrs)), attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if "style" not in self._open[-1:]:
            self.text += data


def assert_harmless(text: str) -> Page:
    """The page is well-formed HTML, runs nothing, and fetches nothing."""
    html5lib.HTMLParser(strict=True).parse(text)
    page = Page(text)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "img", "iframe", "object", "embed", "link", "form", "image", "a"}
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for tag, attrs in page.elements:
        for name, value in attrs.items():
            assert not name.startswith("on"), (tag, attrs)
            if name in {"href", "xlink:href"}:
                assert value[1:] in ids, value
            else:
                assert name not in {"src", "srcset", "action", "data", "background"}, attrs
            if name != "xmlns":
                assert "http:" not in (value or ""), (tag, name, value)
                assert "url(" not in (value or "").replace("url(#", ""), (tag, name, value)
    css = "".join(re.findall(r"<style>(.*?)</style>", text, re.DOTALL))
    assert not re.search(r"@import|url\(|expression", css)
    policy = next(attrs for tag, attrs in page.elements if "http-equiv" in attrs)
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"
    return page


@pytest.fixture
def hostile(tmp_path):
    """Results in which every text is hostile; ids, details, names, targets and runs."""
    lines = [line(0, source=HOSTILE[0], message_id=HOSTILE[0], run="run", target=HOSTILE[0])]
    for number, text in enumerate(HOSTILE, 1):
        lines.append(
            line(
                number,
                OUTCOMES[1 + number % 4],
                source=text,
                message_id=text,
                reason=f"reason-{chr(96 + number)}",
                detail=text,
                run=text,
                target=text,
            )
        )
    name = "<b>'results'&\u202e.jsonl"
    hostile_run = run_of(HOSTILE[0], inputs=HOSTILE, options={"base_url": HOSTILE[1]})
    write_runs(tmp_path / name, run_of("run", inputs=HOSTILE, exit_code=3), hostile_run)
    return write(tmp_path / name, lines)


def test_a_page_of_hostile_texts_is_harmless_and_shows_them(hostile):
    page = assert_harmless(to_html(make_report([hostile])))
    assert "<script>alert('x')</script>" in page.text
    assert "{{ 7 * 7 }}{% raw %}" in page.text
    assert r"\u202eevil\u202c" in page.text
    assert r"\x1b[31mred\x07" in page.text
    assert r"\ud800 half" in page.text
    unseen = [char for char in page.text if char != "\n" and not char.isprintable()]
    assert unseen == []


def test_no_cell_begins_with_what_a_spreadsheet_would_run(hostile):
    """Cells of the tables, and the entries of lists: what is copied from a page piece by piece."""
    text = to_html(make_report([hostile]))
    tree = html5lib.HTMLParser(namespaceHTMLElements=False).parse(text)
    for cell in (*tree.iter("td"), *tree.iter("th"), *tree.iter("li"), *tree.iter("code")):
        begin = "".join(cell.itertext()).strip()[:1]
        assert begin not in {"=", "+", "-", "@"}, "".join(cell.itertext())


def test_a_plain_page_tells_what_a_reader_looks_for(tmp_path):
    lines = [line(n, "failed" if n % 50 == 0 else "accepted") for n in range(1, 401)]
    run = lines[0].run
    lines += [again(n, "failed") for n in range(50, 400, 50)]
    pause = {"from": at(BEGIN + 3), "to": at(BEGIN + 9), "why": "outage"}
    path = tmp_path / "a.results.jsonl"
    write_runs(path, run_of(run, pauses=[pause], throttled=7), run_of("again", command="resend"))
    report = make_report([write(path, lines)])
    page = assert_harmless(to_html(report))
    words = " ".join(page.text.split())
    for told in (
        "1 of 400 rows needs attention",
        "7 outcomes were replaced by later ones",
        "batchconv resend",
        "server-error",
        "row 400 of export.csv (line 401), id “id400”: why it was not accepted",
        "Runs side by side",
        "throttled",
        "paused: 6.0 s",
        "p50 80 ms",
        "rows a second",
        "latency, p50 and p95",
        "of these rejected, failed or invalid",
        "upload, 2026-11-20 02:00:00 to 02:00:20 UTC",
        "resend, 2026-11-20 02:15:02 to 02:15:17 UTC",
    ):
        assert told in words, told


@pytest.mark.parametrize(
    ("outcomes", "good", "headline"),
    [
        (["accepted"] * 3, True, "All 3 rows were accepted"),
        (["accepted"], True, "The only row was accepted"),
        (["accepted", "skipped"], True, "All 2 rows were accepted or skipped"),
        (["accepted", "failed"], False, "1 of 2 rows needs attention"),
        (["invalid", "rejected", "accepted"], False, "2 of 3 rows need attention"),
        ([], False, "No row has an outcome"),
    ],
)
def test_the_verdict_stands_at_the_top(tmp_path, outcomes, good, headline):
    lines = [line(n, outcome) for n, outcome in enumerate(outcomes)]
    report = make_report([write(tmp_path / "a.jsonl", lines)])
    assert verdict(report)[:2] == (good, headline)
    page = assert_harmless(to_html(report))
    assert f"\n{headline}\n" in page.text
    assert ("header", {"class": "good" if good else "bad"}) in page.elements


def test_a_command_is_one_line_of_text_whose_words_hold_together(tmp_path):
    path = tmp_path / "a.results.jsonl"
    write(path, [line(1, "failed")])
    write_runs(path, run_of(line(1).run, options={"base_url": "https://example.com/a-b"}))
    report = make_report([str(path)])
    (step,) = report.steps
    page = assert_harmless(to_html(report))
    assert f"\n{step.command}" in page.text.replace(":batchconv", ":\nbatchconv")
    tree = html5lib.HTMLParser(namespaceHTMLElements=False).parse(to_html(report))
    (code,) = [one for one in tree.iter("code") if "resend" in "".join(one.itertext())]
    assert [span.text for span in code] == step.command.split(" ")
    assert "--base-url" in [span.text for span in code]


def test_a_simulated_run_is_marked(tmp_path):
    path = write(tmp_path / "a.jsonl", [line(1, target="simulated")])
    assert "nothing was sent to the API" in to_html(make_report([path]))
    other = write(tmp_path / "b.jsonl", [line(1, run="other", at=at(BEGIN + 90))])
    assert "Some of the runs were simulated" in to_html(make_report([path, other]))


def test_a_page_of_very_much_stays_below_a_megabyte(tmp_path):
    """More runs, reasons, inputs and pauses than it shows, each as large as it can be."""
    lines, runs = [], []
    long = "<&\"'\u202e💥>" * 80
    for run in range(20):
        for number in range(1000 if run > 17 else 20):
            outcome = OUTCOMES[number * 7 % 5]
            lines.append(
                line(
                    number,
                    outcome,
                    source=f"{long}{number % 40}",
                    message_id=long,
                    reason=f"reason-{chr(97 + number % 26)}-{chr(97 + run)}",
                    detail=long,
                    status=200 + number % 399,
                    attempts=number % 40,
                    elapsed_ms=round(1.01 ** (number * 31 % 1400), 1),
                    at=at(BEGIN + run * 86_400 + number * 11 + number * number % 97),
                    run=f"run {run} {long}",
                    target=long,
                )
            )
        pauses = [
            {"from": at(BEGIN + run * 86_400 + n * 9), "to": at(BEGIN + run * 86_400 + n * 9 + 4),
             "why": long}
            for n in range(3000 if run > 17 else 3)
        ]  # fmt: skip
        runs.append(run_of(f"run {run} {long}", pauses=pauses))
    write_runs(tmp_path / "a.jsonl", *runs)
    report = make_report([write(tmp_path / "a.jsonl", lines)])
    text = to_html(report)
    assert len(text.encode()) < 1_000_000
    assert_harmless(text)
    assert text.count("<article>") == 5


# -- colours and pictures ------------------------------------------------------------------------


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_colours_stand_out_in_light_and_in_dark(tmp_path):
    """As WCAG has it: 4.5 to 1 for text, 3 to 1 for what is drawn."""
    text = to_html(make_report([write(tmp_path / "a.jsonl", [line(1)])]))
    light, dark = (
        dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{(.*?)\}", text, re.DOTALL)
    )
    assert set(light) == set(dark)
    for colours in (light, dark):
        for ground in (colours["ground"], colours["raised"]):
            for name in ("ink", "quiet", "good", "bad"):
                assert contrast(colours[name], ground) >= 4.5, name
        for name in ("latency", "axis", *OUTCOMES):
            assert contrast(colours[name], colours["ground"]) >= 3, name


def pictures(text: str) -> list[ET.Element]:
    found = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    return [ET.fromstring(svg) for svg in found]  # noqa: S314 - drawn by the test itself


def test_every_picture_comes_for_a_page_and_for_a_telephone(tmp_path):
    lines = [line(n, run=f"run {n // 50}") for n in range(100)]
    found = pictures(to_html(make_report([write(tmp_path / "a.jsonl", lines)])))
    assert [one.attrib["class"] for one in found] == ["wide", "narrow"] * 4
    for one in found:
        assert one.attrib["role"] == "img"
        assert one.attrib["aria-label"]
        width = float(one.attrib["viewBox"].split()[2])
        assert width == {"wide": 800, "narrow": 350}[one.attrib["class"]]


def test_labels_of_a_picture_stay_within_it(tmp_path):
    """By a rough width of letters: their ends are not cut off."""
    lines = [line(n, elapsed_ms=10.0 ** (n % 6)) for n in range(300)]
    found = pictures(to_html(make_report([write(tmp_path / "a.jsonl", lines)])))
    labels = 0
    for picture in found:
        width = float(picture.attrib["viewBox"].split()[2])
        for label in picture.iter("text"):
            words = label.text or ""
            place = float(re.findall(r"[-0-9.]+", label.attrib.get("transform", ""))[-2]) if (
                "x" not in label.attrib
            ) else float(label.attrib["x"])  # fmt: skip
            style = label.attrib["style"]
            share = 1 if "anchor: end" in style else 0.5 if "anchor: middle" in style else 0
            begin = place - share * len(words) * 6.5
            assert begin > -8, words
            assert begin + len(words) * 6.5 < width + 12, words
            labels += 1
    assert labels > 30


@pytest.mark.parametrize(
    "seconds", [0.2, 3, 45, 700, 5_000, 40_000, 90_000, 86_400 * 9, 86_400 * 400, 86_400 * 9000]
)
def test_marks_of_time_are_round_and_not_too_many(seconds):
    for most in (4, 9):
        found = round_moments(BEGIN + 0.1, BEGIN + 0.1 + seconds, most)
        assert 1 <= len(found) <= most
        for moment, label in found:
            told = datetime.fromtimestamp(moment, UTC)
            assert label.split("\n")[0][:5] in {f"{told:%H:%M}", f"{told:%d %b}"[:5]}
        assert "\n" in found[0][1]


@pytest.mark.parametrize("low", [1e-6, 0.003, 0.08, 7.0])
@pytest.mark.parametrize("factor", [1.05, 3, 40, 1e7])
def test_marks_of_a_logarithmic_axis_lie_within_it(low, factor):
    for most in (4, 9):
        found = round_values(low, low * factor, most)
        assert 1 <= len(found) <= most
        assert all(low <= value <= low * factor for value in found)


# -- the file ------------------------------------------------------------------------------------


def test_a_page_is_private_and_replaces_an_older_one(tmp_path):
    report = make_report([write(tmp_path / "a.jsonl", [line(1)])])
    path = tmp_path / "page.html"
    for _ in range(2):
        check_page(str(path), [])
        write_page(report, str(path))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_text().startswith("<!doctype html>")
    assert {one.name for one in tmp_path.iterdir()} == {"a.jsonl", "page.html"}


def test_a_page_replaces_nothing_that_is_no_page(tmp_path):
    results = write(tmp_path / "a.jsonl", [line(1)])
    (tmp_path / "link.html").symlink_to(results)
    os.link(results, tmp_path / "hard.html")
    (tmp_path / "export.csv").write_text("message-id,delivered\na,true\n")
    for name in ("a.jsonl", "link.html", "hard.html"):
        with pytest.raises(UsageError, match="would be overwritten"):
            check_page(str(tmp_path / name), [results])
    with pytest.raises(UsageError, match="is not a page, and would be overwritten"):
        check_page(str(tmp_path / "export.csv"), [results])
    (tmp_path / "empty.html").touch()
    check_page(str(tmp_path / "empty.html"), [results])


def test_a_page_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    report = make_report([write(tmp_path / "a.jsonl", [line(1)])])
    with pytest.raises(OutputError, match="No such file or directory"):
        write_page(report, str(tmp_path / "none" / "page.html"))


def test_without_the_extra_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_LIBRARIES", ("jinja2", "a_library_that_is_not_there"))
    with pytest.raises(UsageError, match="--html needs a_library_that_is_not_there") as told:
        check_page(str(tmp_path / "page.html"), [])
    assert str(told.value.hint).endswith("pip install 'batchconv[report]'")


def test_the_same_results_give_the_same_pictures(tmp_path):
    report = make_report([write(tmp_path / "a.jsonl", [line(n) for n in range(50)])])
    first, second = (re.findall("<svg.*?</svg>", to_html(report), re.DOTALL) for _ in range(2))
    assert first == second
    assert json.dumps(first)
