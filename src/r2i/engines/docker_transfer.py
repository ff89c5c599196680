"""Pushing and pulling through Docker's SDK: the daemon tells of the bytes of each layer, and a login stands on no command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from r2i.engines.docker_container import client_for
from r2i.engines.protocol import Login, TransferError, TransferEvent

if TYPE_CHECKING:
    import docker

State = Literal["waiting", "running", "present", "done"]

#: What the daemon says of a layer (`progress` of its API), and what it means; everything else is work.
STATES: Mapping[str, State] = {
    "Preparing": "waiting",
    "Waiting": "waiting",
    "Pulling fs layer": "waiting",
    "Pushed": "done",
    "Pull complete": "done",
    "Layer already exists": "present",
    "Already exists": "present",
}

LAYER = re.compile(r"[0-9a-f]{12}")


def push(
    name: str,
    login: Login | None,
    listen: Callable[[TransferEvent], None],
    environ: Mapping[str, str],
    endpoint: Mapping[str, Any],
) -> str:
    """The digest that the registry has for it."""
    digest = ""
    with _client(environ, endpoint) as client:
        said = client.api.push(name, stream=True, decode=True, auth_config=_auth(login))
        for message in _heard(said, listen):
            digest = str((message.get("aux") or {}).get("Digest") or digest)
    if not digest:
        raise TransferError("the daemon says no digest of what it pushed")
    return digest


def pull(
    name: str,
    login: Login | None,
    listen: Callable[[TransferEvent], None],
    environ: Mapping[str, str],
    endpoint: Mapping[str, Any],
) -> None:
    with _client(environ, endpoint) as client:
        said = client.api.pull(name, stream=True, decode=True, auth_config=_auth(login))
        for _ in _heard(said, listen):
            pass


def _heard(
    messages: Iterator[dict[str, Any]], listen: Callable[[TransferEvent], None]
) -> Iterator[dict[str, Any]]:
    retried = False
    for message in messages:
        if "error" in message:
            raise TransferError(str(message["error"]), retried=retried)
        status, layer = str(message.get("status") or ""), str(message.get("id") or "")
        retried = retried or status.startswith("Retrying")
        if LAYER.fullmatch(layer):
            detail = message.get("progressDetail") or {}
            current, total = int(detail.get("current") or 0), int(detail.get("total") or 0)
            state = "present" if status.startswith("Mounted from") else STATES.get(status, "running")
            listen(TransferEvent(layer=layer, state=state, text=status, current=current, total=total))
        yield message


@contextmanager
def _client(environ: Mapping[str, str], endpoint: Mapping[str, Any]) -> Iterator[docker.DockerClient]:
    """Whatever breaks off is an error of the transfer; leaving early closes the connection, and so ends it in the daemon."""
    import docker
    import requests
    import urllib3

    client = None
    try:
        client = client_for(endpoint, environ)
        # A layer may take as long as it likes before the next word of it.
        client.api.timeout = None  # type: ignore[assignment]  # what requests takes
        yield client
    except docker.errors.APIError as error:
        raise TransferError(str(error.explanation or error)) from error
    except (
        docker.errors.DockerException,
        requests.exceptions.RequestException,
        urllib3.exceptions.HTTPError,
    ) as error:
        raise TransferError(str(error)) from error
    finally:
        if client is not None:
            client.close()


def _auth(login: Login | None) -> dict[str, str]:
    """Never None: the SDK would then look for a login where the environment of this process says."""
    if login is None:
        return {}
    if login.token:
        return {"identitytoken": login.token}
    return {"username": login.username, "password": login.password}
