"""What all tests share."""

from __future__ import annotations

import signal
from collections import Counter

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="Write the golden files anew; read them afterwards."
    )


def pytest_configure() -> None:
    """A shell without job control starts what it puts into the background deaf to Ctrl-C, and so would be our children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What builds images comes first, the largest file of it before all: side by side, none is left alone at the end."""
    built = Counter(item.path for item in items if item.get_closest_marker("engine"))
    items.sort(key=lambda item: -built[item.path])


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))
