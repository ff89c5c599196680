"""Asking a provider of records as r2i does, with loopback servers behind the real names of its hosts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from r2i.errors import R2iError
from r2i.model import Source
from r2i.sources.protocol import Typed
from r2i.sources.web.client import HttpClient
from r2i.sources.web.patience import Patience
from r2i.sources.web.records import PublishedRecord, Records, RecordServer
from tests.sources.web_servers import Handler, Web, web_servers

#: A repository of two files, which r2i can build.
NOTEBOOK = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}\n'
REQUIREMENTS = b"# nothing but what is always there\n"


def typed(text: str, *, ref: str | None = None, subdirectory: str = "") -> Typed:
    return Typed(text=text, ref=ref, subdirectory=subdirectory, cwd=Path("/"))


@dataclass
class Asking:
    """A provider, the servers that it asks, what it said, and for how long it waited."""

    provider: Records
    web: Web
    environ: Mapping[str, str]
    said: list[str] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    @property
    def server(self) -> RecordServer:
        return self.provider.server

    @property
    def client(self) -> HttpClient:
        patience = Patience(pause=self.waited.append)
        return HttpClient(environ=self.environ, report=self.said.append, patience=patience)

    def source(self, text: str) -> Source:
        source = self.provider.read(typed(text))
        assert source is not None
        return source

    def record(self, text: str) -> PublishedRecord:
        return self.server.record(self.source(text), self.client, environ=self.environ)

    def files(self, text: str) -> dict[str, bytes]:
        """What a checkout has, by path."""
        with self.provider.fetched(
            self.source(text), environ=self.environ, report=self.said.append
        ) as checkout:
            files = [path for path in checkout.root.rglob("*") if path.is_file() and not path.is_symlink()]
            return {str(path.relative_to(checkout.root)): path.read_bytes() for path in files}


@contextmanager
def asking(
    provider: str, hosts: Mapping[str, Handler], directory: Path, environ: Mapping[str, str], **variables: str
) -> Iterator[Asking]:
    """`provider` is named as in `PROVIDERS`: `zenodo.Zenodo`."""
    with web_servers(hosts, directory) as web:
        yield Asking(provider=Records(provider), web=web, environ={**environ, **web.environ, **variables})


@contextmanager
def failing(kind: type[R2iError], words: str) -> Iterator[None]:
    """The block fails so, with these words in the message, and says what to do."""
    with pytest.raises(kind) as caught:
        yield

    assert words in caught.value.message
    assert caught.value.hint
