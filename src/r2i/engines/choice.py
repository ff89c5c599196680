"""Which engine to use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never, get_args

from r2i.engines import EngineChoice
from r2i.engines.docker import Docker
from r2i.engines.protocol import Engine
from r2i.errors import EngineError, UsageError


def choose(name: EngineChoice, environ: Mapping[str, str], *, builder: str | None = None) -> Engine:
    """The engine of that name where it works; `auto` is Docker where its daemon answers, else Podman.

    `builder` is the one of `docker buildx ls` that builds, None for what the environment says.
    """
    if builder is not None:
        if name == "podman":
            raise UsageError("Podman has no `--builder`", hint="Remove it, or use `--engine docker`")
        name, environ = "docker", {**environ, "BUILDX_BUILDER": builder}
    # From Python, anything may be given.
    names: tuple[str, ...] = get_args(EngineChoice)
    if name not in names:
        raise UsageError(
            f"`{name}` is not a container engine", hint=f"Use {', '.join(f'`{each}`' for each in names)}"
        )
    match name:
        case "docker":
            docker = Docker(environ)
            docker.check()
            return docker
        case "podman":
            from r2i.engines.podman import Podman

            podman = Podman(environ)
            podman.check()
            return podman
        case "auto":
            return _first_that_works(environ)
    assert_never(name)


def _first_that_works(environ: Mapping[str, str]) -> Engine:
    docker = Docker(environ)
    try:
        docker.check()
    except EngineError as trouble:
        from r2i.engines.podman import Podman

        podman = Podman(environ)
        if not podman.installed():
            # What is wrong with a Docker that is there says more than that there is no Podman.
            raise trouble from None
        podman.check()
        return podman
    return docker


def all_that_work(name: EngineChoice, environ: Mapping[str, str]) -> tuple[list[Engine], list[EngineError]]:
    """The engine of that name; for `auto`, all that work, and what is wrong with those that are installed and do not.

    Raises `EngineError` where none works.
    """
    if name != "auto":
        return [choose(name, environ)], []
    from r2i.engines.podman import Podman

    working: list[Engine] = []
    troubles: list[EngineError] = []
    for engine in (Docker(environ), Podman(environ)):
        try:
            engine.check()
        except EngineError as trouble:
            if engine.installed():
                troubles.append(trouble)
        else:
            working.append(engine)
    if not working:
        # Podman is asked for only by those who have it.
        raise troubles[0] if troubles else EngineError("Docker is not installed", hint="Run `r2i setup`")
    return working, troubles
