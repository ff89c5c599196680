"""What all tests share."""

from __future__ import annotations

import os
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from selenium.webdriver import Chrome


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="Write the golden files anew; read them afterwards."
    )


def pytest_configure() -> None:
    # A shell without job control starts what it puts into the background deaf to Ctrl-C, and so would be our children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # The same for `nohup`.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    # How long an example takes says how much else this machine does; examples may share a directory.
    unchecked = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    settings.register_profile("unhurried", settings(), deadline=None, suppress_health_check=unchecked)
    settings.load_profile("unhurried")


#: Where each test builds an image of its own: a worker takes single ones, and other files whole, which share images.
SPREAD = "tests/test_images.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What builds images comes first, and the largest file of it before all: none is left alone at the end."""
    built = Counter(item.path for item in items if item.get_closest_marker("engine"))
    items.sort(key=lambda item: (not built[item.path], item.nodeid.startswith(SPREAD), -built[item.path]))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    from xdist.scheduler import LoadFileScheduling

    scheduler = LoadFileScheduling(config, log)
    by_file = scheduler._split_scope
    scheduler._split_scope = lambda nodeid: nodeid if nodeid.startswith(SPREAD) else by_file(nodeid)
    return scheduler


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="module")
def browser(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A headless Chromium; the last page of each file of tests is kept where `R2I_SCREENSHOTS` says."""
    if not shutil.which("chromedriver"):
        pytest.skip("needs chromium and chromedriver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--window-size=1200,900",
        f"--user-data-dir={tmp_path_factory.mktemp('browser')}",
    ):
        options.add_argument(argument)
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        if folder := os.environ.get("R2I_SCREENSHOTS"):
            driver.save_screenshot(f"{folder}/{request.path.stem}.png")
        driver.quit()
