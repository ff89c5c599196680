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

    from tests.registries import Registry


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

#: Workers of `make test`: so many builds run at the same time.
AT_ONCE = 4


#: How a step mounts the cache that it holds alone.
APT = "--mount=type=cache,id=r2i-apt-lists-"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What builds images comes first, and the largest file of it before all: none is left alone at the end."""
    built = Counter(item.path for item in items if item.get_closest_marker("engine"))
    items.sort(key=lambda item: (not built[item.path], item.nodeid.startswith(SPREAD), -built[item.path]))
    places = [place for place, item in enumerate(items) if item.nodeid.startswith(SPREAD)]
    for place, item in zip(places, _in_turn([items[place] for place in places]), strict=True):
        items[place] = item


def _in_turn(items: list[pytest.Item]) -> list[pytest.Item]:
    """Of those that run at the same time, one installs packages of the distribution: a build holds the cache of apt alone."""
    waiting = [item for item in items if _installs_more(item)]
    others = [item for item in items if not _installs_more(item)]
    ordered: list[pytest.Item] = []
    while waiting or others:
        ordered += waiting[:1] + others[: AT_ONCE - 1]
        waiting, others = waiting[1:], others[AT_ONCE - 1 :]
    return ordered


def _installs_more(item: pytest.Item) -> bool:
    """Whether its Dockerfile installs more than the system packages of every image."""
    from tests.cases import Case

    case = item.callspec.params.get("case") if isinstance(item, pytest.Function) else None
    dockerfile = case.directory / "Dockerfile" if isinstance(case, Case) else None
    return dockerfile is not None and dockerfile.exists() and dockerfile.read_text().count(APT) > 1


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


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry on loopback without logins; tests push to repositories of their own."""
    from tests import registries

    with registries.registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


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
