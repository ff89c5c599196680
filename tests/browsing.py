"""What a test does in a browser, and what it sees there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.waiting import until

Found = TypeVar("Found")


def shown(look: Callable[[], Found]) -> Found:
    """What a page comes to show: what it showed before may be gone while it is looked at."""

    def found() -> Found | None:
        with suppress(StaleElementReferenceException):
            return look()
        return None

    answer = until(found, patience=300)
    assert answer is not None
    return answer


def page(browser: Chrome) -> str:
    return browser.find_element(By.TAG_NAME, "body").text


def choose_first_cell(browser: Chrome) -> None:
    """Wait until a notebook of Python is open in JupyterLab, and put the cursor into its first cell of code."""
    shown(lambda: "Python 3 (ipykernel) | Idle" in page(browser))
    cells = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell .jp-InputArea-editor"
    shown(lambda: [e for e in browser.find_elements(By.CSS_SELECTOR, cells) if e.is_displayed()])[0].click()
    # Keys that come before the cell has the focus are nobody's.
    shown(lambda: browser.find_elements(By.CSS_SELECTOR, ".jp-CodeCell.jp-mod-active .cm-focused"))


def run_cell(browser: Chrome) -> None:
    ActionChains(browser).key_down(Keys.SHIFT).send_keys(Keys.ENTER).key_up(Keys.SHIFT).perform()
