"""As a user sees it: the printed URL, opened in a browser, runs a notebook."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.building import R2I
from tests.cases import ROOT
from tests.children import started
from tests.waiting import until

Found = TypeVar("Found")

pytestmark = [pytest.mark.engine, pytest.mark.browser]


@pytest.fixture
def url() -> Iterator[str]:
    """What `r2i run` prints; Ctrl-C ends it and leaves no container."""
    argv = [R2I, "run", "examples/quickstart", "--no-browser", "--urlpath", "lab/tree/index.ipynb"]
    with started(*argv, cwd=ROOT, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        try:
            line = child.stdout.readline().strip()
            assert line
            yield line
        finally:
            child.send_signal(signal.SIGINT)
            child.wait(timeout=60)
        assert child.returncode == 0


def shown(look: Callable[[], Found]) -> Found:
    """What a page comes to show: what it showed before may be gone while it is looked at."""

    def found() -> Found | None:
        with suppress(StaleElementReferenceException):
            return look()
        return None

    answer = until(found, patience=300)
    assert answer is not None
    return answer


def run_cell(browser: Chrome) -> None:
    ActionChains(browser).key_down(Keys.SHIFT).send_keys(Keys.ENTER).key_up(Keys.SHIFT).perform()


def page(browser: Chrome) -> str:
    return browser.find_element(By.TAG_NAME, "body").text


def test_the_printed_url_runs_a_notebook(url: str, browser: Chrome) -> None:
    browser.get(url)
    shown(lambda: "Python 3 (ipykernel) | Idle" in page(browser))
    cells = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell .jp-InputArea-editor"
    shown(lambda: [e for e in browser.find_elements(By.CSS_SELECTOR, cells) if e.is_displayed()])[0].click()
    # Keys that come before the cell has the focus are nobody's.
    shown(lambda: browser.find_elements(By.CSS_SELECTOR, ".jp-CodeCell.jp-mod-active .cm-focused"))
    run_cell(browser)
    shown(lambda: "[1]:" in page(browser))
    run_cell(browser)
    shown(lambda: "[2]:" in page(browser))

    assert "0.841468" in shown(lambda: page(browser) if "terms up to  " in page(browser) else "")
    assert not browser.find_elements(By.CSS_SELECTOR, ".jp-Dialog, .Toastify__toast"), (
        "a pop-up greets the user"
    )
