"""A JupyterHub starts an image of r2i without a word about the command: its users work there, and its culler stops it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browsing import choose_first_cell, page, run_cell, shown
from tests.building import Built, image_of, notebook, write
from tests.hubs import HUBS, PASSWORD, Hub, hub_of
from tests.waiting import until

pytestmark = pytest.mark.engine

SAYS = "import os\nprint(os.environ['GREETING'], 6 * 7)"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """An image whose own `start` wraps the command, without quotes, as some do; a volume does not hide its files."""
    files = {
        "binder/start": "#!/bin/sh\nexport GREETING=started-by-a-hub\nexec $@\n",
        "says.ipynb": notebook(SAYS),
    }
    directory = write(tmp_path_factory.mktemp("hub") / "repo", files)
    with image_of(directory, "--target-repo-dir", "/srv/repo") as built:
        yield built


@pytest.fixture
def hub(request: pytest.FixtureRequest, image: Built, tmp_path: Path) -> Iterator[Hub]:
    version = getattr(request, "param", HUBS[0])
    with hub_of(image.tag, tmp_path, version=version) as started:
        yield started


@pytest.mark.browser
def test_a_user_works_in_lab_and_an_idle_server_is_culled(hub: Hub, browser: Chrome) -> None:
    browser.get(f"{hub.url}/hub/login?next=/hub/user-redirect/lab/tree/says.ipynb")
    shown(lambda: browser.find_elements(By.NAME, "username"))[0].send_keys("ada")
    browser.find_element(By.NAME, "password").send_keys(PASSWORD)
    browser.find_element(By.CSS_SELECTOR, "[type=submit]").click()
    choose_first_cell(browser)
    run_cell(browser)
    shown(lambda: "started-by-a-hub 42" in page(browser))

    assert browser.current_url == f"{hub.url}/user/ada/lab/tree/says.ipynb"
    [container] = hub.containers()
    assert container.endswith("-ada")

    browser.get("about:blank")
    with hub.culling():
        until(lambda: not hub.containers())
    assert hub.ask("/hub/api/users/ada").json()["server"] is None


@pytest.mark.parametrize("hub", HUBS[1:], indirect=True)
def test_an_older_hub_finds_every_page_of_a_server(hub: Hub) -> None:
    hub.start_server("ada")

    assert hub.ask("/user/ada/lab").status_code == 200
    assert hub.ask("/user/ada/api/contents/says.ipynb").json()["type"] == "notebook"
