"""Reports of what was built and run: whatever a container says, each is well-formed, and a page runs and loads nothing."""

from __future__ import annotations

import base64
import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from rich.console import Console

from r2i.check.execution.causes import lines
from r2i.check.execution.runs import (
    BuildRun,
    Cause,
    CellRun,
    DynamicReport,
    FailedImport,
    Failure,
    KernelRun,
    Level,
    Mismatch,
    NotebookRun,
    Output,
    ServerRun,
    to_json,
)
from r2i.check.findings import Finding, Reported
from r2i.check.formats.github import to_github
from r2i.check.formats.html_report import to_html
from r2i.check.formats.junit import to_junit
from r2i.check.formats.markdown import to_markdown
from r2i.check.formats.status_badge import badge, to_endpoint, to_svg
from r2i.check.report import Report
from r2i.check.rules import RULES
from r2i.check.subject import Subject
from r2i.checkout import Checkout
from r2i.cli.check_text import show
from r2i.model import Change
from r2i.process import run
from tests.building import R2I
from tests.cases import ROOT

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

SCHEMA = json.loads((ROOT / "docs" / "execution.schema.json").read_text(encoding="utf-8"))

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
EVIL = [
    "<script>top.hacked = true</script>",
    "</pre></title></style><script>top.hacked = true</script>",
    '<img src=x onerror="top.hacked = true">',
    '" onload="top.hacked = true" x="',
    "' srcdoc='<script>top.hacked = true</script>",
    "<iframe src=javascript:alert(1)></iframe>",
    "javascript:top.hacked=true",
    "{{ 7 * 7 }}{% raw %}",
    "]]><!--",
    "-->",
    "\x1b[31mred\x00\x08\ufffe\ud800",
    "&lt;script&gt;",
    "<link rel=stylesheet href=//example.com/x.css><style>@import '//example.com'</style>",
    "<meta http-equiv=refresh content='0;url=//example.com'>",
    "<base href=//example.com>",
]
TEXTS = st.one_of(st.sampled_from(EVIL), st.text(max_size=30))
JSON = st.recursive(
    st.one_of(TEXTS, st.integers(), st.none()), lambda inner: st.lists(inner, max_size=2), max_leaves=4
)
KINDS = st.sampled_from(
    [
        "text/plain",
        "text/html",
        "image/png",
        "image/jpeg",
        "image/svg+xml",
        "application/javascript",
        "text/latex",
    ]
)
OUTPUTS = st.tuples(
    st.one_of(
        st.fixed_dictionaries({"output_type": st.just("stream"), "text": JSON}),
        st.fixed_dictionaries({"output_type": st.just("error"), "ename": JSON, "evalue": JSON}),
        st.fixed_dictionaries({"output_type": TEXTS, "data": st.dictionaries(KINDS, JSON, max_size=3)}),
        st.fixed_dictionaries({"output_type": TEXTS, "r2i_cut": st.integers(0, 9)}),
    )
)
LINES = st.lists(TEXTS, max_size=3).map(tuple)
FAILURES = st.builds(
    Failure,
    kind=st.sampled_from(["error", "timeout", "dead-kernel", "missing-kernel", "no-answer"]),
    message=TEXTS,
    hint=st.one_of(st.none(), TEXTS),
    cell=st.sampled_from([None, 1]),
    source=TEXTS,
    error_name=TEXTS,
    error_value=TEXTS,
    traceback=LINES,
)
MISMATCHES = st.builds(
    Mismatch, cell=st.just(1), what=st.one_of(KINDS, TEXTS), message=TEXTS, stored=TEXTS, produced=TEXTS
)
RUNS = st.builds(
    NotebookRun,
    path=TEXTS,
    kernel=TEXTS,
    statuses=st.dictionaries(
        st.sampled_from([Level.L2, Level.L3, Level.L4]), st.sampled_from(["passed", "failed", "skipped"])
    ),
    seconds=st.floats(0, 1e5),
    peak_memory=st.one_of(st.none(), st.integers(0, 1 << 40)),
    failure=st.one_of(st.none(), FAILURES),
    failed_imports=st.tuples(
        st.builds(
            FailedImport,
            statement=TEXTS,
            module=TEXTS,
            cell=st.just(1),
            line=st.just(1),
            error_name=TEXTS,
            error_value=TEXTS,
        )
    ),
    cells=st.tuples(
        st.builds(
            CellRun,
            number=st.just(1),
            source=TEXTS,
            status=st.just("failed"),
            outputs=OUTPUTS,
            stored=OUTPUTS,
        )
    ),
    mismatches=st.lists(MISMATCHES, max_size=2).map(tuple),
    notes=LINES,
)
CAUSES = st.builds(
    Cause,
    code=st.just("file-missing"),
    message=TEXTS,
    evidence=TEXTS,
    change=st.one_of(st.none(), TEXTS),
    hint=st.one_of(st.none(), TEXTS),
    file=st.one_of(st.none(), TEXTS),
    line=st.sampled_from([None, 3]),
    options=st.just((Change(option="python", value="3.8"),)),
)
BUILDS = st.builds(
    BuildRun,
    seconds=st.floats(0, 1e4),
    image=st.one_of(st.none(), TEXTS),
    message=TEXTS,
    hint=st.one_of(st.none(), TEXTS),
    file=st.one_of(st.none(), TEXTS),
    log=LINES,
)


@st.composite
def dynamics(draw: st.DrawFn) -> DynamicReport:
    runs = tuple(draw(st.lists(RUNS, max_size=3)))
    return DynamicReport(
        asked=draw(st.sampled_from(Level)),
        tried=draw(st.sampled_from(Level)),
        build=draw(BUILDS),
        server=draw(
            st.one_of(
                st.none(),
                st.builds(ServerRun, ok=st.booleans(), seconds=st.just(1.0), message=TEXTS, log=LINES),
            )
        ),
        kernels=tuple(
            draw(
                st.lists(
                    st.builds(KernelRun, name=TEXTS, language=TEXTS, ok=st.booleans(), message=TEXTS),
                    max_size=2,
                )
            )
        ),
        runs=runs,
        notes=draw(LINES),
        causes={run.path: (draw(CAUSES),) for run in runs},
    )


class Page(HTMLParser):
    """What a browser would see of elements and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


#: All that our template is made of.
OURS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "h1",
        "h2",
        "h3",
        "h4",
        "p",
        "code",
        "pre",
        "b",
    ),
    *(
        "ol",
        "li",
        "div",
        "span",
        "section",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "a",
        "img",
        "iframe",
    ),
    *("figure", "figcaption", "details", "summary", "br"),
}


def whole(dynamic: DynamicReport, text: str = "") -> Report:
    findings = (
        (Reported(rule=RULES[0], finding=Finding(message=text, file=text, line=1, hint=text)),)
        if text
        else ()
    )
    return Report(findings=findings, rules=RULES, dynamic=dynamic, unfinished=text or None)


@pytest.mark.slow
@settings(max_examples=150)
@given(dynamics(), TEXTS)
def test_whatever_ran_the_page_runs_and_loads_nothing(dynamic: DynamicReport, text: str) -> None:
    page = to_html(whole(dynamic, text), title=text, diff=[text])
    page.encode()
    elements = Page(page).elements

    assert {tag for tag, _ in elements} <= OURS
    for tag, attributes in elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href"):
            address = attributes.get(name) or ""
            assert address == "" or address.startswith(("data:image/", "#", "https://github.com/r2i/r2i/"))
        if tag == "iframe":
            assert attributes["sandbox"] in (None, "")
            assert "src" not in attributes
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", page)


@pytest.mark.slow
@settings(max_examples=150)
@given(dynamics(), TEXTS)
def test_whatever_ran_reports_for_programs_are_well_formed(dynamic: DynamicReport, text: str) -> None:
    suites = ET.fromstring(to_junit(whole(dynamic, text)))
    document = to_json(dynamic)
    Draft202012Validator(SCHEMA).validate(document)
    drawn = ET.fromstring(to_svg(dynamic))
    endpoint = json.loads(to_endpoint(dynamic))

    assert len(suites) == 2 + bool(text) + len(dynamic.runs)
    assert json.loads(json.dumps(document)) == document
    assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
    assert endpoint["schemaVersion"] == 1
    assert set(endpoint) == {"schemaVersion", "label", "message", "color"}


READY = DynamicReport(
    asked=Level.L3,
    tried=Level.L4,
    build=BuildRun(seconds=1, image="r2i/a:1"),
    server=ServerRun(ok=True, seconds=1),
    kernels=(KernelRun(name="python3", language="python", ok=True),),
)
RAN = NotebookRun(
    path="a.ipynb",
    statuses={Level.L2: "passed", Level.L3: "passed", Level.L4: "failed"},
    mismatches=(
        Mismatch(cell=3, what="stdout", message="The output differs", stored="1\n2", produced="1\n3"),
    ),
)
FAILED = NotebookRun(
    path="b.ipynb",
    statuses={Level.L2: "failed", Level.L3: "failed", Level.L4: "skipped"},
    failure=Failure(
        kind="error",
        message="KeyError: 'a'",
        cell=2,
        source="x = {}\nx['a']",
        error_name="KeyError",
        error_value="'a'",
        traceback=("Cell In[1], line 2", "      1 x = {}", "----> 2 x['a']", "", "KeyError: 'a'"),
    ),
)


@pytest.mark.parametrize(
    ("report", "message", "colour"),
    [
        (replace(READY, runs=(RAN, RAN)), "2 of 2 run", "brightgreen"),
        (replace(READY, runs=(RAN, FAILED)), "1 of 2 run", "yellow"),
        (replace(READY, runs=(FAILED,)), "0 of 1 run", "red"),
        (replace(READY, runs=(RAN,), asked=Level.L4), "0 of 1 as saved", "red"),
        (replace(READY, runs=(RAN, FAILED), asked=Level.L2), "1 of 2 import", "yellow"),
        (replace(READY, build=BuildRun(seconds=1)), "does not build", "red"),
        (replace(READY, server=ServerRun(ok=False, seconds=1)), "does not start", "red"),
        (replace(READY, asked=Level.L1), "starts", "brightgreen"),
        (replace(READY, asked=Level.L0, tried=Level.L0, server=None, kernels=()), "builds", "brightgreen"),
    ],
)
def test_the_badge_says_how_far_it_comes(report: DynamicReport, message: str, colour: str) -> None:
    made = badge(report)

    assert (made.message, made.colour) == (message, colour)


def test_a_level_beyond_the_one_that_is_asked_for_fails_no_test() -> None:
    suites = ET.fromstring(to_junit(whole(replace(READY, runs=(RAN, FAILED)))))
    cases = {
        (case.get("classname"), (case.get("name") or "")[:2]): [part.tag for part in case]
        for case in suites.iter("testcase")
    }

    assert cases["r2i.check", "L0"] == []
    assert cases["a.ipynb", "L3"] == []
    assert cases["a.ipynb", "L4"] == ["system-out"]
    assert cases["b.ipynb", "L3"] == ["failure"]
    assert cases["b.ipynb", "L4"] == ["skipped"]
    text = next(failure.text or "" for failure in suites.iter("failure"))
    assert "x['a']" in text
    assert "KeyError: 'a'" in text


def picture(kind: str, data: bytes) -> Output:
    return {"output_type": "display_data", "data": {kind: base64.b64encode(data).decode()}}


def compared(kind: str, stored: Output, produced: Output) -> str:
    run = replace(
        RAN,
        cells=(CellRun(number=3, source="", status="passed", stored=(stored,), outputs=(produced,)),),
        mismatches=(Mismatch(cell=3, what=kind, message="The image differs"),),
    )
    return to_html(whole(replace(READY, runs=(run,))))


def test_pictures_stand_beside_the_stored_ones() -> None:
    other = PNG.replace(b"IEND", b"IENd")
    page = compared("image/png", picture("image/png", PNG), picture("image/png", other))
    shown = [attributes["src"] for tag, attributes in Page(page).elements if tag == "img"]

    assert shown[:2] == [f"data:image/png;base64,{base64.b64encode(data).decode()}" for data in (PNG, other)]
    assert "Difference</figcaption>" in page


def test_what_only_calls_itself_a_picture_is_not_shown_as_one() -> None:
    page = compared("image/png", picture("image/png", b"<html>"), picture("image/png", PNG))

    assert len([tag for tag, _ in Page(page).elements if tag == "img"]) == 1


def test_the_line_that_failed_stands_out() -> None:
    page = to_html(whole(replace(READY, runs=(FAILED,))))

    assert '<span class="failing">x[&#39;a&#39;]</span>' in page
    assert "<span>x = {}</span>" in page


def test_the_page_has_no_more_than_a_browser_opens() -> None:
    large = picture("image/png", PNG + b"x" * 10_000_000)
    run = replace(
        RAN,
        cells=(CellRun(number=3, source="", status="passed", stored=(large,) * 5, outputs=(large,) * 5),),
        mismatches=(Mismatch(cell=3, what="image/png", message="m"),),
    )
    page = to_html(whole(replace(READY, runs=(run,))))

    assert len(page) < 100_000_000
    assert "left out" in page


def test_github_shows_it_at_the_cell_that_failed() -> None:
    cause = Cause(
        code="file-missing", message="`a` is missing", evidence="", change="Write it", hint="Or not"
    )
    dynamic = replace(READY, runs=(RAN, FAILED), causes={"b.ipynb": (cause,)}, lines={"b.ipynb": 17})

    assert to_github(replace(whole(dynamic), prefix="sub/")) == (
        "::error file=sub/b.ipynb,line=17,title=file-missing::KeyError: 'a'%0A`a` is missing%0AWrite it%0AOr not (cell 2)\n"
    )


@pytest.mark.parametrize(
    ("failure", "title"),
    [
        (FAILED.failure, "KeyError"),
        (Failure(kind="timeout", message="m"), "the cell takes too long"),
        (Failure(kind="error", message="m"), "the cell fails"),
    ],
)
def test_on_github_the_title_says_what_failed(failure: Failure, title: str) -> None:
    shown = to_github(whole(replace(READY, runs=(replace(FAILED, failure=failure),))))

    assert f",title={title}::" in shown


def test_on_github_a_failed_build_is_shown_at_its_line() -> None:
    build = BuildRun(seconds=1, message="`nump` is no package", hint="Write `numpy`", file="a.txt", line=3)
    failed = DynamicReport(asked=Level.L1, tried=Level.L1, build=build)

    assert to_github(replace(whole(failed), prefix="sub/")) == (
        "::error file=sub/a.txt,line=3,title=L0 it builds::`nump` is no package%0AWrite `numpy`\n"
    )


def test_markdown_says_how_far_it_comes_and_why_no_further() -> None:
    log = ("one", "```", "</details> @ada")
    build = BuildRun(seconds=1, message="`nump` is no package", file="a.txt", line=3, log=log)
    failed = DynamicReport(asked=Level.L1, tried=Level.L1, build=build)

    assert to_markdown(whole(failed)) == (
        "**Does not reach L0: the build failed**\n\nIn the files: no findings\n\n"
        "- Error `L0` it builds, `a.txt:3`\n  <br>`nump` is no package\n\n"
        "<details><summary>End of the log</summary>\n\n    one\n    ```\n    </details> @ada\n\n</details>\n"
    )
    assert to_markdown(whole(replace(READY, runs=(RAN,)))).startswith(
        "**Reaches L3 (every notebook runs)**\n"
    )
    assert to_markdown(whole(replace(READY, runs=(FAILED,)))).endswith(
        "**Reaches L1 (the server answers and every kernel starts), not L3 (every notebook runs)**\n\n"
        "In the files: no findings\n\n"
        "- Error `KeyError`, `b.ipynb:1`\n  <br>KeyError: 'a' (cell 2)\n"
    )


def test_on_github_all_that_keeps_it_from_the_level_is_an_error() -> None:
    dead = KernelRun(name="ir", language="R", ok=False, message="no answer")
    broken = replace(READY, server=ServerRun(ok=False, seconds=1, message="It ended"), kernels=(dead,))
    differs = replace(READY, runs=(RAN,), lines={"a.ipynb": 5})

    assert to_github(whole(broken)).splitlines() == [
        "::error title=L1 the server answers and every kernel starts::It ended",
        "::error title=L1 the server answers and every kernel starts::The kernel `ir` does not start: no answer",
        "::warning title=L3 every notebook runs::There is no notebook to run",
    ]
    assert to_github(whole(differs)) == ""
    assert to_github(whole(replace(differs, asked=Level.L4))) == (
        "::error file=a.ipynb,line=5,title=L4 every output equals the stored one::cell 3, stdout: The output differs\n"
    )


def test_of_a_program_that_failed_the_text_says_what_it_wrote() -> None:
    failure = Failure(
        kind="error", message="CalledProcessError: status 2", cell=1, error_name="CalledProcessError"
    )
    outputs = (
        {"output_type": "stream", "name": "stdout", "text": "begun"},
        {"output_type": "stream", "name": "stderr", "text": "grep: a.txt: No such file or directory\n"},
    )
    cell = CellRun(number=1, source="%%bash", status="failed", outputs=outputs)
    shown = text_of(whole(replace(READY, runs=(replace(FAILED, failure=failure, cells=(cell,)),))))

    assert "    grep: a.txt: No such file or directory\n    CalledProcessError: status 2\n" in shown
    assert "begun" not in shown


def text_of(report: Report) -> str:
    console = Console(file=io.StringIO(), width=200)
    show(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_there_is_something_to_mend_where_only_a_notebook_fails() -> None:
    passed, failed = (
        text_of(Report(findings=(), dynamic=replace(READY, runs=(run,)))) for run in (RAN, FAILED)
    )

    assert passed.endswith("\nNothing to fix\n")
    assert failed.endswith("\nNo findings in the files\n")


def test_every_report_says_that_there_was_no_notebook() -> None:
    report = whole(READY)
    case = ET.fromstring(to_junit(report)).find(".//testcase[@name='L3 every notebook runs']/skipped")

    assert "Reached L1. There is no notebook to run" in text_of(report)
    assert "There is no notebook to run" in to_html(report)
    assert to_github(report) == "::warning title=L3 every notebook runs::There is no notebook to run\n"
    assert case is not None
    assert case.get("message") == "There is no notebook to run"


def test_the_line_of_the_file_is_known(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "source": source}
        for source in (["a = 1"], ["x = {}\n", "x['a']"])
    ]
    (tmp_path / "b.ipynb").write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}, indent=1))
    (tmp_path / "requirements.txt").touch()
    subject = Subject(checkout=Checkout.open(tmp_path.resolve()))

    different = replace(RAN, path="b.ipynb", mismatches=(Mismatch(cell=2, what="stdout", message="m"),))
    text = (tmp_path / "b.ipynb").read_text().splitlines()

    def line(run: NotebookRun) -> str:
        return text[lines(subject, replace(READY, runs=(run,)))["b.ipynb"] - 1].strip()

    assert line(FAILED) == "\"x['a']\""
    assert line(different) == '"x = {}\\n",'


def test_reports_are_written_beside_the_text(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("numpy==2.2.6")
    page = tmp_path / "report.html"
    done = run([R2I, "check", str(tmp_path), "--html", str(page)])

    assert done.returncode == 0, done.stderr
    assert f"<h1>{tmp_path.name}</h1>" in page.read_text(encoding="utf-8")
    assert "Nothing to fix" in done.stdout


@pytest.mark.parametrize(
    ("option", "file", "said"),
    [
        ("--badge", "badge.svg", "`--badge` needs results from running notebooks"),
        ("--badge", "badge.png", "has no supported file extension"),
        ("--badge", "nowhere/badge.svg", "cannot be written: there is no directory"),
        ("--html", "nowhere/report.html", "cannot be written: there is no directory"),
    ],
)
def test_reports_that_cannot_be_written_are_usage_errors(
    tmp_path: Path, option: str, file: str, said: str
) -> None:
    (tmp_path / "requirements.txt").touch()
    done = run([R2I, "check", str(tmp_path), option, str(tmp_path / file)])

    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.browser
def test_in_a_browser_nothing_of_a_hostile_notebook_runs(browser: Chrome, tmp_path: Path) -> None:
    text = "\n".join(EVIL)
    frame: Output = {"output_type": "display_data", "data": {"text/html": f"<p>shown</p>{text}"}}
    drawing = b"<svg xmlns='http://www.w3.org/2000/svg' onload='top.hacked = true'><script>top.hacked = true</script></svg>"
    svg: Output = {"output_type": "display_data", "data": {"image/svg+xml": drawing.decode()}}
    cell = CellRun(number=1, source=text, status="failed", outputs=(frame, svg), stored=(svg, frame))
    failure = Failure(kind="error", message=text, hint=text, cell=1, source=text, traceback=tuple(EVIL))
    run = NotebookRun(
        path=text,
        statuses={Level.L2: "failed"},
        failure=failure,
        cells=(cell,),
        mismatches=(
            Mismatch(cell=1, what="text/html", message=text),
            Mismatch(cell=1, what="image/svg+xml", message=text),
        ),
    )
    cause = Cause(code="file-missing", message=text, evidence=text, change=text, hint=text, file=text, line=1)
    dynamic = replace(READY, runs=(run,), causes={text: (cause,)})
    path = tmp_path / "report.html"
    path.write_text(to_html(whole(dynamic, text), title=text, diff=EVIL), encoding="utf-8")
    browser.get(path.as_uri())

    assert browser.execute_script("return window.hacked") is None
    assert browser.execute_script("return document.scripts.length") == 0
    assert (
        browser.execute_script(
            "return performance.getEntriesByType('resource').filter(r => !r.name.startsWith('data:')).length"
        )
        == 0
    )
    assert browser.current_url == path.as_uri()
    frames = browser.find_elements("tag name", "iframe")
    assert frames
    browser.switch_to.frame(frames[0])
    assert "shown" in browser.find_element("tag name", "body").text
    assert browser.current_url == path.as_uri()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1200])
def test_the_page_fits_a_screen_and_can_be_read(
    browser: Chrome, tmp_path: Path, scheme: str, width: int
) -> None:
    path = tmp_path / "report.html"
    long = replace(FAILED, path="notebooks/" + "a_long_name_" * 20 + ".ipynb")
    path.write_text(
        to_html(whole(replace(READY, runs=(RAN, long)), "x" * 300), title="y" * 300), encoding="utf-8"
    )
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )
    browser.get(path.as_uri())
    colours = browser.execute_script(
        "const s = getComputedStyle(document.body); return [s.color, s.backgroundColor].map(c => c.match(/[0-9]+/g).slice(0, 3).map(Number))"
    )
    ink, paper = (sum(colour) for colour in colours)

    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert (ink < paper) == (scheme == "light")
    assert abs(ink - paper) > 400
