"""`r2i run`: build if needed, start a container, open Jupyter in it."""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import click
from click.core import ParameterSource

from r2i.building.launch import (
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
    redirecting,
    runtime_directory,
    server_command,
    user_for,
    wait_for_server,
    with_settings,
)
from r2i.building.page import page, page_path
from r2i.building.uses import note_use
from r2i.cli.building import BuildChoices, build_options
from r2i.cli.choices import collected
from r2i.cli.common import PlanChoices, TypedSource, checked_out, note, plan_options, source_options
from r2i.cli.output import Guarded, of_others
from r2i.cli.rescue import image_for
from r2i.cli.themes import Command
from r2i.engines.image_user import ContainerUser
from r2i.engines.protocol import Container, Engine, Mount, Port, RunRequest
from r2i.errors import NotReadyError
from r2i.model import Image, Options, Source
from r2i.quoting import MAX_LINE, printable

#: Of the server's log, for when it fails.
KEPT_LINES = 100

#: Where each interface lives on the server.
PATHS = {"lab": "lab", "notebook": "tree"}


@dataclass(frozen=True, kw_only=True)
class RunChoices:
    """How to run an image, as it was typed."""

    interface: Literal["lab", "notebook"]
    urlpath: str | None
    no_browser: bool
    logs: bool
    ports: tuple[str, ...]
    publish_all: bool
    volumes: tuple[str, ...]
    variables: tuple[str, ...]
    env_file: Path | None
    editable: bool
    memory: str | None
    cpus: float | None
    gpus: str | None


#: How to run, as the argument `run`, the last first.
run_options = collected(
    RunChoices,
    "run",
    (
        click.option("--gpus", metavar="N|all", help="GPUs to use."),
        click.option(
            "--cpus",
            type=click.FloatRange(min=0.01),
            metavar="N",
            help="CPU limit.",
        ),
        click.option("--memory", metavar="SIZE", help="Memory limit, such as `4g`."),
        click.option(
            "-E", "--editable", is_flag=True, help="Mount the local directory, so that changes are kept."
        ),
        click.option(
            "--env-file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Read environment variables from FILE.",
        ),
        click.option(
            "-e",
            "--env",
            "variables",
            multiple=True,
            metavar="NAME[=VALUE]",
            help="Set an environment variable; repeatable.",
        ),
        click.option(
            "-v",
            "--volume",
            "volumes",
            multiple=True,
            metavar="SRC:DST[:ro]",
            help="Mount a directory or file; repeatable.",
        ),
        click.option(
            "-P",
            "--publish-all",
            is_flag=True,
            help="Publish all exposed ports, also to other machines.",
        ),
        click.option(
            "-p",
            "--publish",
            "ports",
            multiple=True,
            metavar="[[HOST:]PORT:]PORT",
            help="Publish a port; repeatable.",
        ),
        click.option(
            "--logs", is_flag=True, help="Show the server's log; without it, only if the server fails."
        ),
        click.option("--no-browser", is_flag=True, help="Print the URL instead of opening a browser."),
        click.option(
            "--urlpath",
            metavar="PATH",
            help="Server path to open, such as `lab/tree/index.ipynb`. [default: that of a Binder link]",
        ),
        click.option("--notebook", "interface", flag_value="notebook", help="Open Jupyter Notebook."),
        click.option(
            "--lab", "interface", flag_value="lab", default=True, help="Open JupyterLab (the default)."
        ),
    ),
)


@click.command(
    cls=Command,
    epilog="r2i run https://github.com/owner/name\nr2i run . --editable\nr2i run owner/name -- python -V",
)
@source_options
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
@run_options
@build_options
@plan_options
def run(
    typed: TypedSource,
    command: tuple[str, ...],
    *,
    run: RunChoices,
    building: BuildChoices,
    plan: PlanChoices,
) -> int:
    """Build an image of SOURCE if needed, and open Jupyter in it.

    Jupyter listens only on this machine and requires a token. Ctrl-C stops and removes the container.
    With a COMMAND after `--`, r2i runs it instead of Jupyter and exits with its status.
    """
    from r2i.engines.choice import choose

    started = time.monotonic()
    understood = typed.understood()
    path = page_path(run.urlpath, understood.opens, PATHS[run.interface])
    request = _request(understood, run, plan.options())
    given = click.get_current_context().get_parameter_source("user_id") is not ParameterSource.DEFAULT
    if run.editable and not given:
        plan = replace(plan, user_id=_owner(Path(understood.location), default=plan.user_id))
    settings = building.settings(plan)
    engine = choose(settings.engine, os.environ, builder=settings.builder)
    if request.cpus is not None:
        check_processors(request.cpus, engine.processors())
    image = image_for(
        engine, understood, settings, kind=building.progress, write=building.write, started=started
    )
    user = _user(engine, image, plan.user_id)
    # By its id: the name may be another image's by now.
    request = replace(request, image=image.id, user=str(user), groups=user.groups)
    request = replace(request, command=command) if command else _serving(request, run.interface)
    try:
        with start_mounted(understood, settings.options, editable=run.editable) as start:
            request = replace(request, mounts=(*request.mounts, *start))
            request = with_settings(request, _script(building.ca_bundle, request))
            return _run_command(engine, request) if command else _run_server(engine, request, run, path=path)
    finally:
        # A container may run for weeks.
        note_use(engine.name, image.id)


def _user(engine: Engine, image: Image, user_id: int) -> ContainerUser:
    """A repository's own Dockerfile may leave us at root; a hub would run it as an ordinary user, and so do we."""
    user = user_for(engine, image, user_id)
    if user.instead:
        written = printable(image.user)
        why = (
            f"`USER {written}` is root or does not exist in the image"
            if written
            else "The `Dockerfile` has no `USER`"
        )
        note(f"Note: the image would run as root, so r2i runs it as user {user.uid}. {why}")
    return user


@contextmanager
def start_mounted(source: Source, options: Options, *, editable: bool) -> Iterator[tuple[Mount, ...]]:
    """What `--editable` takes besides the directory, which hides the image's repaired copy of `start`."""
    if not editable:
        yield ()
        return
    repo_dir = options.repo_dir or f"/home/{options.user_name}"
    with tempfile.TemporaryDirectory(prefix="r2i-") as directory:
        with checked_out(source) as (checkout, _):
            mount = editable_start(checkout, Path(directory), repo_dir=repo_dir)
            if hidden := hidden_by_editing(checkout, repo_dir=repo_dir):
                note(f"Note: {printable(hidden)}")
        yield () if mount is None else (mount,)


def _request(source: Source, run: RunChoices, options: Options) -> RunRequest:
    """All that can be said of the container before there is an image: a mistake here costs no build."""
    repo_dir = options.repo_dir or f"/home/{options.user_name}"
    request = RunRequest(
        image="",
        ports=tuple(port_from(text) for text in run.ports),
        publish_all=run.publish_all,
        mounts=tuple(mount_from(volume, cwd=Path.cwd(), repo_dir=repo_dir) for volume in run.volumes),
        environment=environment_from(run.variables, run.env_file, environ=os.environ),
        memory=None if run.memory is None else memory_from(run.memory),
        cpus=run.cpus,
        gpus=run.gpus,
    )
    return edited(request, source, options) if run.editable else request


def edited(request: RunRequest, source: Source, options: Options) -> RunRequest:
    """The same with the directory itself in place of the image's copy. Raises `UsageError` where there is none."""
    home = f"/home/{options.user_name}"
    repo_dir = options.repo_dir or home
    mount = editable_mount(source, repo_dir=repo_dir)
    environment = dict(request.environment)
    if repo_dir == home:
        # What Jupyter and shells keep in the home is not for the user's own directory.
        environment.setdefault("HOME", "/tmp/home")  # noqa: S108 - in the container
    return replace(request, mounts=(*request.mounts, mount), environment=environment)


def _owner(directory: Path, *, default: int) -> int:
    """Files that the container writes should belong to whom the directory belongs to."""
    uid = directory.stat().st_uid
    if uid == 0:
        note(f"Note: `{directory}` belongs to root: the container can read it but not write to it")
        return default
    return uid


def _run_command(engine: Engine, request: RunRequest) -> int:
    """What it writes is the product: as it is for a program or a file, harmless on a terminal and in a log."""
    with of_others(sys.stdout), engine.start(request) as container:
        if isinstance(sys.stdout, Guarded):
            for line in container.logs():
                click.echo(_uncoloured_after(line))
        else:
            for chunk in container.output():
                click.echo(chunk, nl=False)
        return container.wait()


def _script(ca_bundle: Path | None, request: RunRequest) -> str:
    """The settings of this machine, without credentials: notebooks that nobody has read run there for hours.

    Who wants them there says so (`--env`).
    """
    from r2i.host.settings import container_script

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


def _run_server(engine: Engine, request: RunRequest, run: RunChoices, *, path: str) -> int:
    token = request.environment["JUPYTER_TOKEN"]
    with (
        of_others(sys.stderr),
        ExitStack() as opened,
        engine.start(request) as container,
        _logs_kept(container, secret=token, shown=run.logs),
    ):
        server = wait_for_server(container, SERVER_PORT)
        url = page(server, path, token=token)
        note(f"{click.style('Jupyter is ready.', fg='green', bold=True)} Press Ctrl-C to stop it.")
        click.echo(url)
        if not run.no_browser and _wants_browser():
            _open(url, opened)
        try:
            return container.wait()
        except KeyboardInterrupt:
            # The usual way to end a session, no failure.
            note("\nStopping")
            return 0


def _uncoloured_after(line: str) -> str:
    """A line of others, whose colours end with it."""
    return f"{line}\x1b[0m" if "\x1b" in line else line


def _open(url: str, opened: ExitStack) -> None:
    """In a browser, without the token on its command line, which every user of this machine can read."""
    try:
        page = opened.enter_context(redirecting(url, runtime_directory(os.environ, Path.home())))
    except OSError as error:
        note(f"Note: could not open a browser: {error.strerror} (`{printable(str(error.filename))}`)")
        return
    click.launch(str(page))


def _wants_browser() -> bool:
    """A person looks on: not in CI, not in a pipe, not over ssh."""
    return sys.stdout.isatty() and not {"CI", "SSH_CONNECTION"}.intersection(os.environ)


@contextmanager
def _logs_kept(container: Container, *, secret: str, shown: bool) -> Iterator[None]:
    """Print the server's log on stderr: as it comes where it is to be `shown`, else its end where the server fails."""
    kept: deque[str] = deque(maxlen=KEPT_LINES)

    def listen() -> None:
        for line in container.logs():
            if is_of_use(line):
                kept.append(_uncoloured_after(line.replace(secret, "…")[:MAX_LINE]))
                if shown:
                    click.echo(kept.pop(), err=True)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield
    except NotReadyError:
        _say_the_end(container, thread, kept)
        raise
    if not container.running() and container.wait() != 0:
        _say_the_end(container, thread, kept)


def _say_the_end(container: Container, thread: threading.Thread, kept: deque[str]) -> None:
    if not container.running():
        thread.join(5)
    for line in tuple(kept):
        click.echo(line, err=True)
