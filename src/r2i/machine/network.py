"""Which servers of published repositories this machine reaches, by the way that r2i takes to them."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from r2i.errors import R2iError
from r2i.machine.symptoms import Symptom
from r2i.sources.providers import Server, servers

#: How long a server may take to answer, in seconds, and how many are asked at once.
PATIENCE, AT_ONCE = 10.0, 8


def check_servers(environ: Mapping[str, str]) -> list[Symptom]:
    """A finding for each server. One that is not reached prevents only builds of what it has."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(partial(_check, environ=environ), servers()))


def _check(server: Server, *, environ: Mapping[str, str]) -> Symptom:
    from r2i.sources.web.client import HttpClient
    from r2i.sources.web.patience import Patience

    patience = Patience(attempts=1, connect=PATIENCE, silence=PATIENCE, document=PATIENCE)
    client = HttpClient(environ=environ, report=lambda _: None, patience=patience)
    try:
        client.reached(server.url)
    except R2iError as error:
        return Symptom(
            check=server.name,
            status="warning",
            message=f"{error.message}: {_lower(error.hint or '')}",
            problem="server",
        )
    return Symptom(check=server.name, status="ok", message=f"`{server.host}` answers")


def _lower(hint: str) -> str:
    return hint[:1].lower() + hint[1:]
