"""As a user sees it: the printed URL, opened in a browser, runs a notebook."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browsing import choose_first_cell, page, run_cell, shown
from tests.building import R2I
from tests.cases import ROOT
from tests.children import started

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


def test_the_printed_url_runs_a_notebook(url: str, browser: Chrome) -> None:
    browser.get(url)
    choose_first_cell(browser)
    run_cell(browser)
    shown(lambda: "[1]:" in page(browser))
    run_cell(browser)
    shown(lambda: "[2]:" in page(browser))

    assert "0.841468" in shown(lambda: page(browser) if "terms up to  " in page(browser) else "")
    assert not browser.find_elements(By.CSS_SELECTOR, ".jp-Dialog, .Toastify__toast"), (
        "a pop-up greets the user"
    )
