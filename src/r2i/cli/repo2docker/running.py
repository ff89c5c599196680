"""`repo2docker` without `--no-run`: a container of the image, whose output is that of the command."""

from __future__ import annotations

import secrets
import socket
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from r2i.building.launch import (
    environment_from,
    is_of_use,
    mount_from,
    port_from,
    user_for,
    wait_for_server,
    with_settings,
)
from r2i.building.page import page
from r2i.cli.repo2docker.job import Job
from r2i.cli.repo2docker.told import reason
from r2i.cli.run import edited, start_mounted
from r2i.engines.protocol import Container, Engine, Port, RunRequest
from r2i.errors import R2iError, UsageError
from r2i.model import Image, Options, Source
from r2i.quoting import clean

#: In so many seconds it is noticed that a server has ended.
ENDED = 10.0


def checked_request(job: Job, source: Source, options: Options) -> RunRequest:
    """All that can be said of the container before there is an image. Raises `UsageError`."""
    wanted = job.wanted
    repo_dir = options.repo_dir or f"/home/{options.user_name}"
    request = RunRequest(
        image="",
        command=wanted.command,
        ports=tuple(port_from(text) for text in wanted.ports),
        publish_all=wanted.publish_all,
        mounts=tuple(mount_from(text, cwd=Path.cwd(), repo_dir=repo_dir) for text in wanted.volumes),
        environment=environment_from(wanted.environment, None, environ=job.environ),
    )
    if wanted.editable:
        request = edited(request, source, options)
    return request if wanted.command else _serving(request)


def _serving(request: RunRequest) -> RunRequest:
    """The server as repo2docker starts it: every image for a hub has the Notebook. Its port is the one that is published."""
    port = request.ports[0] if request.ports else Port(container_port=0)
    if port.protocol != "tcp":
        raise UsageError(
            "`--publish` of a UDP port needs a command", hint="Name the command after the repository"
        )
    number = port.host_port or _free_port(port.host)
    port = replace(port, host_port=number, container_port=port.container_port or number)
    command = (
        "jupyter",
        "notebook",
        "--ip=0.0.0.0",
        f"--port={port.container_port}",
        f"--ServerApp.custom_display_url=http://{port.host}:{number}",
        "--ServerApp.default_url=/lab",
        "--ServerApp.port_retries=0",
        "--no-browser",
    )
    token = request.environment.get("JUPYTER_TOKEN") or secrets.token_urlsafe(24)
    variables = {**request.environment, "JUPYTER_TOKEN": token}
    return replace(request, ports=(port,), command=command, environment=variables)


def _free_port(host: str) -> int:
    with closing(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def as_user(request: RunRequest, engine: Engine, image: Image, user_id: int) -> RunRequest:
    """The container of this image, as its user and never as root; by its id: the name may be another image's by now."""
    user = user_for(engine, image, user_id)
    return replace(request, image=image.id, user=str(user), groups=user.groups)


def run_image(job: Job, engine: Engine, request: RunRequest, source: Source, options: Options) -> int:
    """Run it to its end; the exit status is that of the command."""
    from r2i.host.settings import container_script

    script = container_script(
        job.environ, ca_bundle=None, home=Path(job.environ["HOME"]), given=request.environment
    )
    with start_mounted(source, options, editable=job.wanted.editable) as start, job.working("running"):
        request = with_settings(replace(request, mounts=(*request.mounts, *start)), script)
        with engine.start(request) as container:
            if job.wanted.command:
                for line in container.logs():
                    job.say(clean(line))
                return container.wait()
            return _served(job, container, request)


def _served(job: Job, container: Container, request: RunRequest) -> int:
    token = request.environment["JUPYTER_TOKEN"]
    interrupted = threading.Event()
    ended: list[R2iError] = []
    announcing = _announce(
        job, container, request.ports[0], token=token, interrupted=interrupted, ended=ended
    )
    try:
        for line in container.logs():
            if is_of_use(line):
                job.say(clean(line.replace(token, "…")))
        status = container.wait()
        announcing.join(ENDED)
        for error in ended:
            job.say(reason(error), "running")
    except KeyboardInterrupt:
        # The usual way to end a session, no failure.
        interrupted.set()
        job.say("Stopping the container")
        status = 0
    return status


def _announce(
    job: Job,
    container: Container,
    port: Port,
    *,
    token: str,
    interrupted: threading.Event,
    ended: list[R2iError],
) -> threading.Thread:
    """Say where the server is as soon as it answers, or that it does not; what it says itself comes meanwhile.

    If it has ended, `ended` gets the reason, which is to be told after its last words.
    """

    def announce() -> None:
        try:
            server = wait_for_server(container, port.container_port)
        except R2iError as error:
            if not container.running():
                ended.append(error)
            elif not interrupted.is_set():
                job.say(reason(error), "running")
            return
        job.say(f"Jupyter is ready: {page(server, 'lab', token=token)}", "running")

    thread = threading.Thread(target=announce, daemon=True)
    thread.start()
    return thread
