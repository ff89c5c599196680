"""A client that talks to servers of a test, and waits for nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from r2i.sources.web.client import HttpClient
from r2i.sources.web.patience import Patience
from tests.sources.web_servers import Web


class Talk:
    """A client, the servers that it talks to, what it said to the user and how long it would have waited."""

    def __init__(self, web: Web, environ: dict[str, str], **patience: Any) -> None:
        self.web = web
        self.said: list[str] = []
        self.waits: list[float] = []
        self.client = HttpClient(
            environ=environ | web.environ,
            report=self.said.append,
            patience=Patience(pause=self.waits.append, **patience),
        )


Talking = Callable[..., AbstractContextManager[Talk]]
