"""`r2i run`: build if needed, start a container, open Jupyter in it."""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import click
from click.core import ParameterSource

from r2i.cli.building import build_options, settings_from
from r2i.cli.common import checked_out, note, parsed, plan_options, source_options
from r2i.cli.rescue import image_for
from r2i.engines.protocol import Container, Engine, Mount, Port, RunRequest
from r2i.launch import (
    SERVER_PORT,
    check_processors,
    editable_mount,
    editable_start,
    environment_from,
    hidden_by_editing,
    is_of_use,
    memory_from,
    mount_from,
    port_from,
    server_command,
    user_for,
    wait_for_server,
    with_settings,
)
from r2i.model import Image, Source
from r2i.quoting import printable

#: Where each interface lives on the server.
PATHS = {"lab": "lab", "notebook": "tree"}


@click.command()
@source_options
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
@click.option("--lab", "interface", flag_value="lab", default=True, help="Open JupyterLab (the default).")
@click.option("--notebook", "interface", flag_value="notebook", help="Open Jupyter Notebook.")
@click.option("--urlpath", metavar="PATH", help="Open this instead, such as `lab/tree/index.ipynb`.")
@click.option("--no-browser", is_flag=True, help="Print the URL and open nothing.")
@click.option(
    "-p", "--publish", "ports", multiple=True, metavar="[[HOST:]PORT:]PORT", help="Make a port reachable."
)
@click.option(
    "-P",
    "--publish-all",
    is_flag=True,
    help="Make all ports reachable that the image exposes, from other machines, too.",
)
@click.option(
    "-v", "--volume", "volumes", multiple=True, metavar="SRC:DST[:ro]", help="Mount a directory or file."
)
@click.option(
    "-e", "--env", "variables", multiple=True, metavar="NAME[=VALUE]", help="Set a variable in the container."
)
@click.option(
    "--env-file", type=click.Path(path_type=Path), metavar="FILE", help="Set the variables of a file."
)
@click.option("-E", "--editable", is_flag=True, help="Work on the local directory itself: changes are kept.")
@click.option("--memory", metavar="SIZE", help="The most memory that it may use, such as `4g`.")
@click.option(
    "--cpus", type=click.FloatRange(min=0.01), metavar="N", help="The most processors that it may use."
)
@click.option("--gpus", metavar="N|all", help="Graphics processors to use.")
@build_options
@plan_options
def run(source: str, ref: str | None, subdir: str, command: tuple[str, ...], **chosen: Any) -> int:
    """Build SOURCE if needed, and open Jupyter in it.

    Jupyter can be reached from this machine only, with a token. Ctrl-C stops and removes the container.
    With a COMMAND after `--`, that is run instead, and its exit status is ours.
    """
    from r2i.engines import choose

    started = time.monotonic()
    understood = parsed(source, ref, subdir)
    request = _request(understood, chosen)
    given = click.get_current_context().get_parameter_source("user_id") is not ParameterSource.DEFAULT
    if chosen["editable"] and not given:
        chosen["user_id"] = _owner(Path(understood.location), default=chosen["user_id"])
    settings = settings_from(chosen)
    engine = choose(settings.engine, os.environ)
    if request.cpus is not None:
        check_processors(request.cpus, engine.processors())
    image = image_for(engine, understood, settings, started=started)
    request = replace(request, image=image.reference, user=_user(image, chosen["user_id"]))
    request = replace(request, command=command) if command else _serving(request, chosen["interface"])
    with _start_mounted(understood, chosen) as start:
        request = replace(request, mounts=(*request.mounts, *start))
        request = with_settings(request, _script(chosen["ca_bundle"], request))
        return _run_command(engine, request) if command else _run_server(engine, request, chosen)


def _user(image: Image, user_id: int) -> str | None:
    """A repository's own Dockerfile may leave us at root; a hub would run it as an ordinary user, and so do we."""
    user = user_for(image, user_id)
    if user is not None:
        note(f"Note: the image would run as root: it runs as the user {user}. Its `Dockerfile` lacks `USER`")
    return user


@contextmanager
def _start_mounted(source: Source, chosen: Mapping[str, Any]) -> Iterator[tuple[Mount, ...]]:
    """What `--editable` takes besides the directory, which hides the image's repaired copy of `start`."""
    if not chosen["editable"]:
        yield ()
        return
    repo_dir = chosen["repo_dir"] or f"/home/{chosen['user_name']}"
    with tempfile.TemporaryDirectory(prefix="r2i-") as directory:
        with checked_out(source) as checkout:
            mount = editable_start(checkout, Path(directory), repo_dir=repo_dir)
            if hidden := hidden_by_editing(checkout, repo_dir=repo_dir):
                note(f"Note: {printable(hidden)}")
        yield () if mount is None else (mount,)


def _request(source: Source, chosen: Mapping[str, Any]) -> RunRequest:
    """All that can be said of the container before there is an image: a mistake here costs no build."""
    home = f"/home/{chosen['user_name']}"
    repo_dir = chosen["repo_dir"] or home
    mounts = [mount_from(volume, cwd=Path.cwd(), repo_dir=repo_dir) for volume in chosen["volumes"]]
    environment = environment_from(chosen["variables"], chosen["env_file"], environ=os.environ)
    if chosen["editable"]:
        mounts.append(editable_mount(source, repo_dir=repo_dir))
        if repo_dir == home:
            # What Jupyter and shells keep in the home is not for the user's own directory.
            environment.setdefault("HOME", "/tmp/home")  # noqa: S108 - in the container
    return RunRequest(
        image="",
        ports=tuple(port_from(text) for text in chosen["ports"]),
        publish_all=chosen["publish_all"],
        mounts=tuple(mounts),
        environment=environment,
        memory=None if chosen["memory"] is None else memory_from(chosen["memory"]),
        cpus=chosen["cpus"],
        gpus=chosen["gpus"],
    )


def _owner(directory: Path, *, default: int) -> int:
    """Files that the container writes should belong to whom the directory belongs to."""
    uid = directory.stat().st_uid
    if uid == 0:
        note(f"Note: `{directory}` belongs to root: the container can read it, and not write to it")
        return default
    return uid


def _run_command(engine: Engine, request: RunRequest) -> int:
    with engine.start(request) as container:
        for line in container.logs():
            click.echo(line)
        return container.wait()


def _script(ca_bundle: Path | None, request: RunRequest) -> str:
    """The settings of this machine, without credentials: notebooks that nobody has read run there for hours.

    Who wants them there says so (`--env`).
    """
    from r2i.host import container_script

    return container_script(os.environ, ca_bundle=ca_bundle, home=Path.home(), given=request.environment)


def _serving(request: RunRequest, interface: Literal["lab", "notebook"]) -> RunRequest:
    """Jupyter on a port that is published, with a token."""
    ports = request.ports
    if not any(port.container_port == SERVER_PORT for port in ports):
        ports = (*ports, Port(container_port=SERVER_PORT))
    token = request.environment.get("JUPYTER_TOKEN") or secrets.token_urlsafe(24)
    return replace(
        request,
        ports=ports,
        command=server_command(interface),
        environment={**request.environment, "JUPYTER_TOKEN": token},
    )


def _run_server(engine: Engine, request: RunRequest, chosen: Mapping[str, Any]) -> int:
    token = request.environment["JUPYTER_TOKEN"]
    with engine.start(request) as container, _logs_shown(container, secret=token):
        server = wait_for_server(container, SERVER_PORT)
        path = (chosen["urlpath"] or PATHS[chosen["interface"]]).lstrip("/")
        url = f"{server}/{path}{'&' if '?' in path else '?'}token={quote(token)}"
        note(f"{click.style('Jupyter is ready.', fg='green', bold=True)} Press Ctrl-C to stop it.")
        click.echo(url)
        if not chosen["no_browser"] and _wants_browser():
            click.launch(url)
        try:
            return container.wait()
        except KeyboardInterrupt:
            # The usual way to end a session, no failure.
            note("\nStopping")
            return 0


def _wants_browser() -> bool:
    """A person looks on: not in CI, not in a pipe, not over ssh."""
    return sys.stdout.isatty() and not {"CI", "SSH_CONNECTION"}.intersection(os.environ)


@contextmanager
def _logs_shown(container: Container, *, secret: str) -> Iterator[None]:
    """Print the container's output on stderr while it runs; all of it, where it dies."""

    def show() -> None:
        for line in container.logs():
            if is_of_use(line):
                click.echo(line.replace(secret, "…"), err=True)

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        if not container.running():
            thread.join(5)
