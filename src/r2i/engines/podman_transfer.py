"""Pushing and pulling with Podman, which says which blob is on its way and not how far it is."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from r2i import process
from r2i.engines.environment import child_environment
from r2i.engines.protocol import RegistryLogin, TransferError, TransferEvent
from r2i.host.addresses import is_loopback

BLOB = re.compile(r"Copying blob (?:sha256:)?(?P<layer>[0-9a-f]{12})[0-9a-f]*(?P<rest>.*)")
#: What comes when all blobs are there.
AFTER = ("Copying config ", "Writing manifest ")
RETRYING = re.compile(r"retrying in|will retry", re.IGNORECASE)


def push(
    image: str,
    name: str,
    login: RegistryLogin | None,
    listen: Callable[[TransferEvent], None],
    environ: Mapping[str, str],
) -> str:
    """The digest that the registry has for it."""
    with _private(name, login) as (directory, words):
        digest = directory / "digest"
        argv = ("podman", "push", *words, f"--digestfile={digest}", "--", image, f"docker://{name}")
        _transfer(argv, listen, environ, directory)
        return digest.read_text(encoding="utf-8").strip()


def pull(
    name: str,
    login: RegistryLogin | None,
    listen: Callable[[TransferEvent], None],
    environ: Mapping[str, str],
) -> None:
    with _private(name, login) as (directory, words):
        _transfer(("podman", "pull", *words, "--", name), listen, environ, directory)


def _transfer(
    argv: tuple[str, ...],
    listen: Callable[[TransferEvent], None],
    environ: Mapping[str, str],
    directory: Path,
) -> None:
    running: dict[str, str] = {}
    said: deque[str] = deque(maxlen=20)
    retried = False
    env = child_environment(environ, pulls=True)
    with process.streaming(argv, env=env, guard="program", remove=(directory,)) as (lines, wait):
        for line in lines:
            said.append(line)
            retried = retried or RETRYING.search(line) is not None
            if (match := BLOB.match(line)) is not None:
                _blob(match["layer"], match["rest"].strip(), running, listen)
            elif line.startswith(AFTER):
                _over(running, listen)
        status = wait()
    if status:
        errors = [line for line in said if line.startswith("Error: ")] or [*said]
        raise TransferError(errors[-1] if errors else "no reason given", retried=retried)
    _over(running, listen)


def _blob(layer: str, rest: str, running: dict[str, str], listen: Callable[[TransferEvent], None]) -> None:
    if rest.startswith("skipped"):
        running.pop(layer, None)
        listen(TransferEvent(layer=layer, state="present", text="Layer already exists"))
    elif rest.startswith("done"):
        running.pop(layer, None)
        listen(TransferEvent(layer=layer, state="done", text="Done"))
    elif layer not in running:
        running[layer] = layer
        listen(TransferEvent(layer=layer, state="running", text="Copying"))


def _over(running: dict[str, str], listen: Callable[[TransferEvent], None]) -> None:
    """Podman 4 says of no blob that it is there."""
    for layer in running:
        listen(TransferEvent(layer=layer, state="done", text="Done"))
    running.clear()


@contextmanager
def _private(name: str, login: RegistryLogin | None) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """A directory for one transfer, with the login in a file, and the words that lead Podman there."""
    host = name.partition("/")[0]
    # Docker takes registries of this machine without TLS, and so does r2i with Podman.
    loopback = is_loopback(host.rpartition(":")[0] or host)
    words = ("--tls-verify=false",) if loopback else ()
    with TemporaryDirectory(prefix="r2i-transfer-", ignore_cleanup_errors=True) as made:
        directory = Path(made)
        if login is not None:
            token = {"identitytoken": login.token} if login.token else {}
            entry = {**token, "auth": login.encoded}
            file = directory / "auth.json"
            file.touch(mode=0o600)
            file.write_text(json.dumps({"auths": {host: entry}}), encoding="utf-8")
            words = (*words, f"--authfile={file}")
        yield directory, words
